/** The routes that speak Replicate's dialect. Their errors have a form of their own (`error-form.ts`). */
import * as z from 'zod';
import {
  modelPageSchema,
  modelSchema,
  versionPageSchema,
  versionSchema,
} from '../dialects/replicate/model.ts';
import { predictionPageSchema, predictionSchema } from '../dialects/replicate/prediction.ts';
import {
  modelPredictionRequestSchema,
  predictionHeadersSchema,
  predictionRequestSchema,
} from '../dialects/replicate/request.ts';
import { cursorSchema } from './cursor.ts';
import { lastEventIdHeaders } from './last-event-id.ts';
import type { Route } from './route.ts';
import { authErrors, jobAnswerHeaders, limitAnswerHeaders, submissionErrors } from './submission-answers.ts';

/** Not the id's exact form: a malformed id must answer as a missing one does. */
const idSchema = z.object({ id: z.string() });
const modelParams = z.object({ owner: z.string(), model: z.string() });

const reading = { method: 'GET', tag: 'replicate', scope: 'jobs:read' } as const;
const modelErrors = [...authErrors, 'invalid_request', 'model_not_found'] as const;
const predictionErrors = [...authErrors, 'invalid_request', 'not_found'] as const;

const createHeaders = {
  ...jobAnswerHeaders,
  ...limitAnswerHeaders,
  location: 'Path of the prediction',
  'preference-applied': '`wait` when the Prefer header was followed',
};
const creating = {
  method: 'POST',
  tag: 'replicate',
  scope: 'jobs:write',
  headers: predictionHeadersSchema,
  answers: {
    201: {
      description: 'Accepted; or ended, where the request waits',
      schema: predictionSchema,
      headers: createHeaders,
    },
    202: {
      description: 'Accepted, and not ended within the wait',
      schema: predictionSchema,
      headers: createHeaders,
    },
  },
  errors: submissionErrors,
} as const;

export const replicateRoutes = {
  replicateCreatePrediction: {
    ...creating,
    id: 'replicateCreatePrediction',
    path: '/replicate/v1/predictions',
    summary: 'Create a prediction of a version',
    body: predictionRequestSchema,
  },
  replicateCreateModelPrediction: {
    ...creating,
    id: 'replicateCreateModelPrediction',
    path: '/replicate/v1/models/{owner}/{model}/predictions',
    summary: 'Create a prediction of a model',
    params: modelParams,
    body: modelPredictionRequestSchema,
  },
  replicateCreateDeploymentPrediction: {
    ...creating,
    id: 'replicateCreateDeploymentPrediction',
    path: '/replicate/v1/deployments/{owner}/{deployment}/predictions',
    summary: 'Create a prediction of a deployment: a model, or an alias',
    params: z.object({ owner: z.string(), deployment: z.string() }),
    body: modelPredictionRequestSchema,
  },
  replicateListPredictions: {
    ...reading,
    id: 'replicateListPredictions',
    path: '/replicate/v1/predictions',
    summary: 'List predictions, newest first',
    query: z.strictObject({ cursor: cursorSchema, created_after: z.iso.datetime().optional() }),
    answers: { 200: { description: 'A page of predictions', schema: predictionPageSchema } },
    errors: [...authErrors, 'invalid_request'],
  },
  replicateGetPrediction: {
    ...reading,
    id: 'replicateGetPrediction',
    path: '/replicate/v1/predictions/{id}',
    summary: 'Read a prediction',
    params: idSchema,
    answers: { 200: { description: 'The prediction', schema: predictionSchema, headers: jobAnswerHeaders } },
    errors: predictionErrors,
  },
  replicateCancelPrediction: {
    id: 'replicateCancelPrediction',
    method: 'POST',
    path: '/replicate/v1/predictions/{id}/cancel',
    summary: 'Cancel a prediction',
    isIdempotent: true,
    tag: 'replicate',
    scope: 'jobs:write',
    params: idSchema,
    answers: {
      200: {
        description: 'The prediction: canceled, about to be, or ended before',
        schema: predictionSchema,
        headers: jobAnswerHeaders,
      },
    },
    errors: [...predictionErrors, 'invalid_json', 'payload_too_large', 'unsupported_media_type', 'conflict'],
  },
  replicateStreamPrediction: {
    id: 'replicateStreamPrediction',
    method: 'GET',
    path: '/replicate/v1/streams/{pass}',
    summary: 'Follow a prediction as server-sent events, by the address that it came with',
    tag: 'replicate',
    scope: null,
    params: z.object({ pass: z.string() }),
    headers: lastEventIdHeaders,
    answers: {
      200: {
        description: 'Ends with the prediction, or after 15 minutes; come back with `Last-Event-ID`',
        events: '`output` with text or a link, `error`, and at last `done`; `: ping` every 15 s',
        headers: jobAnswerHeaders,
      },
      204: { description: 'The prediction has ended, and all of it was told', headers: jobAnswerHeaders },
    },
    errors: ['invalid_request', 'not_found', 'concurrency_limit'],
  },
  replicateReadOutput: {
    id: 'replicateReadOutput',
    method: 'GET',
    path: '/replicate/v1/outputs/{pass}/{name}',
    summary: 'Redirect to an output of a prediction, by the address that it came with',
    tag: 'replicate',
    scope: null,
    params: z.object({ pass: z.string(), name: z.string() }),
    answers: {
      302: {
        description: 'Follow it to the bytes',
        headers: { ...jobAnswerHeaders, location: 'A link that works as long as this address does' },
      },
    },
    errors: ['invalid_request', 'not_found'],
  },
  replicateListModels: {
    ...reading,
    id: 'replicateListModels',
    path: '/replicate/v1/models',
    summary: 'List models',
    answers: { 200: { description: 'Every model', schema: modelPageSchema } },
    errors: [...authErrors, 'invalid_request'],
  },
  replicateGetModel: {
    ...reading,
    id: 'replicateGetModel',
    path: '/replicate/v1/models/{owner}/{model}',
    summary: 'Read a model',
    params: modelParams,
    answers: { 200: { description: 'The model', schema: modelSchema } },
    errors: modelErrors,
  },
  replicateListVersions: {
    ...reading,
    id: 'replicateListVersions',
    path: '/replicate/v1/models/{owner}/{model}/versions',
    summary: 'List the versions of a model: the one that there is',
    params: modelParams,
    answers: { 200: { description: 'Its version', schema: versionPageSchema } },
    errors: modelErrors,
  },
  replicateGetVersion: {
    ...reading,
    id: 'replicateGetVersion',
    path: '/replicate/v1/models/{owner}/{model}/versions/{version}',
    summary: 'Read a version',
    params: modelParams.extend({ version: z.string() }),
    answers: { 200: { description: 'The version', schema: versionSchema } },
    errors: modelErrors,
  },
  replicateGetWebhookSecret: {
    id: 'replicateGetWebhookSecret',
    method: 'GET',
    path: '/replicate/v1/webhooks/default/secret',
    summary: 'Read the secret that signs webhooks of predictions',
    tag: 'replicate',
    scope: 'webhooks:write',
    answers: {
      200: {
        description: 'The newest secret of the webhook `default`',
        schema: z.strictObject({ key: z.string() }).meta({ id: 'ReplicateWebhookSecret' }),
      },
    },
    errors: [...authErrors, 'invalid_request'],
  },
} as const satisfies Record<string, Route>;
