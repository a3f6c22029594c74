/**
 * The routes that speak fal's dialect: `/fal/run` stands for `fal.run`, `/fal/queue` for `queue.fal.run`. Their errors have
 * a form of their own (`error-form.ts`).
 */
import * as z from 'zod';
import {
  inputSchema,
  requestHeadersSchema,
  submitHeadersSchema,
  submitQuerySchema,
} from '../dialects/fal/request.ts';
import { resultSchema } from '../dialects/fal/result.ts';
import { statusSchema } from '../dialects/fal/status.ts';
import { uploadedSchema, uploadRequestSchema, uploadSchema } from '../dialects/fal/upload.ts';
import { jwksSchema } from '../dialects/fal/webhook.ts';
import { imageLimits } from '../limits.ts';
import type { Route } from './route.ts';
import { authErrors, jobAnswerHeaders, limitAnswerHeaders, submissionErrors } from './submission-answers.ts';

const modelParams = z.object({ owner: z.string(), model: z.string() });
/** Not the id's exact form: a malformed id must answer as a missing one does. */
const requestParams = modelParams.extend({ id: z.string() });
const logsQuery = z.strictObject({
  logs: z.enum(['0', '1', 'false', 'true']).optional().meta({ description: 'Whether to tell the progress' }),
});

const requestHeaders = { ...jobAnswerHeaders, 'x-fal-request-id': 'Id of the request, which is the job' };
const submitHeaders = { ...requestHeaders, ...limitAnswerHeaders };
const reading = { method: 'GET', tag: 'fal', scope: 'jobs:read', params: requestParams } as const;
const readErrors = [...authErrors, 'invalid_request', 'not_found'] as const;
const submitting = {
  method: 'POST',
  tag: 'fal',
  scope: 'jobs:write',
  params: modelParams,
  headers: requestHeadersSchema,
  body: inputSchema,
} as const;

export const falRoutes = {
  falRun: {
    ...submitting,
    id: 'falRun',
    path: '/fal/run/{owner}/{model}',
    summary: 'Run a model and wait for what it makes',
    waits: true,
    answers: { 200: { description: 'The result', schema: resultSchema, headers: submitHeaders } },
    errors: [...submissionErrors, 'job_failed', 'not_found', 'start_timeout'],
  },
  falStream: {
    ...submitting,
    id: 'falStream',
    path: '/fal/run/{owner}/{model}/stream',
    summary: 'Run a model and follow what it makes',
    answers: {
      200: {
        description: 'Ends with the result',
        events: 'What there is by then, each as `data`; at last the result; `: ping` every 15 s',
        headers: submitHeaders,
      },
    },
    errors: submissionErrors,
  },
  falSubmit: {
    ...submitting,
    id: 'falSubmit',
    path: '/fal/queue/{owner}/{model}',
    summary: 'Put a request into the queue',
    query: submitQuerySchema,
    headers: submitHeadersSchema,
    answers: { 200: { description: 'It waits', schema: statusSchema, headers: submitHeaders } },
    errors: submissionErrors,
  },
  falGetStatus: {
    ...reading,
    id: 'falGetStatus',
    path: '/fal/queue/{owner}/{model}/requests/{id}/status',
    summary: 'Read how a request stands',
    query: logsQuery,
    answers: {
      200: { description: 'It has ended', schema: statusSchema, headers: requestHeaders },
      202: { description: 'It has not ended', schema: statusSchema, headers: requestHeaders },
    },
    errors: readErrors,
  },
  falStreamStatus: {
    ...reading,
    id: 'falStreamStatus',
    path: '/fal/queue/{owner}/{model}/requests/{id}/status/stream',
    summary: 'Follow how a request stands until it has ended',
    query: logsQuery,
    answers: {
      200: {
        description: 'Ends when the request has',
        events: 'Each change of the status, as `data`; `: ping` every 15 s',
        headers: requestHeaders,
      },
    },
    errors: [...readErrors, 'concurrency_limit'],
  },
  falGetResult: {
    ...reading,
    id: 'falGetResult',
    path: '/fal/queue/{owner}/{model}/requests/{id}',
    summary: 'Read the result of a request',
    answers: { 200: { description: 'The result', schema: resultSchema, headers: requestHeaders } },
    errors: [...readErrors, 'conflict', 'job_failed', 'start_timeout'],
  },
  falCancel: {
    id: 'falCancel',
    method: 'PUT',
    path: '/fal/queue/{owner}/{model}/requests/{id}/cancel',
    summary: 'Cancel a request',
    isIdempotent: true,
    tag: 'fal',
    scope: 'jobs:write',
    params: requestParams,
    answers: {
      200: {
        description: 'It had ended before',
        schema: z.strictObject({ status: z.literal('ALREADY_COMPLETED') }),
        headers: requestHeaders,
      },
      202: {
        description: 'Canceled, or about to be',
        schema: z.strictObject({ status: z.literal('CANCELLATION_REQUESTED') }),
        headers: requestHeaders,
      },
    },
    errors: [...readErrors, 'invalid_json', 'payload_too_large', 'unsupported_media_type', 'conflict'],
  },
  falInitiateUpload: {
    id: 'falInitiateUpload',
    method: 'POST',
    path: '/fal/rest/storage/upload/initiate',
    summary: 'Ask where to put a picture for inputs',
    tag: 'fal',
    scope: 'jobs:write',
    query: z.strictObject({ storage_type: z.string().optional().meta({ description: 'Ignored' }) }),
    body: uploadRequestSchema,
    answers: { 200: { description: 'Where it goes, and its name in inputs', schema: uploadSchema } },
    errors: [...submissionErrors],
  },
  falUpload: {
    id: 'falUpload',
    method: 'PUT',
    path: '/fal/rest/storage/files/{pass}',
    summary: 'Put a picture where the answer said; needs no key, and may be repeated',
    tag: 'fal',
    scope: null,
    params: z.object({ pass: z.string() }),
    isFile: true,
    form: z.strictObject({ file: z.file() }),
    formBytesMax: imageLimits.namedBytesMax,
    answers: { 200: { description: 'It is kept', schema: uploadedSchema } },
    errors: ['invalid_request', 'not_found', 'payload_too_large', 'quota_exceeded'],
  },
  falGetKeys: {
    id: 'falGetKeys',
    method: 'GET',
    path: '/fal/keys/{tenant}/jwks.json',
    summary: "Read the keys that sign a tenant's webhooks of this dialect",
    tag: 'fal',
    scope: null,
    params: z.object({ tenant: z.string() }),
    answers: { 200: { description: 'A JWK set; whoever is named has one', schema: jwksSchema } },
    errors: ['invalid_request', 'not_found'],
  },
} as const satisfies Record<string, Route>;
