/**
 * The one table of routes. The router, the OpenAPI document, the CLI, the CDK methods and the authorisation tests all
 * read it; a route that is not here does not exist.
 */
import * as z from 'zod';
import { apiLimits } from '../limits.ts';
import { adapterRoutes } from './adapter-routes.ts';
import { batchRoutes } from './batch-routes.ts';
import { costRoutes } from './cost-routes.ts';
import { falRoutes } from './fal-routes.ts';
import { idempotencyKeySchema } from './idempotency-key.ts';
import { jobListQuerySchema, wholeNumber } from './job-query.ts';
import { jobListSchema, jobRequestSchema, jobSchema } from './job-resource.ts';
import { lastEventIdHeaders } from './last-event-id.ts';
import { limitsSchema } from './limits-resource.ts';
import { modelListSchema, modelSchema } from './model-resource.ts';
import { openaiRoutes } from './openai-routes.ts';
import { operationsRoutes } from './operations-routes.ts';
import { replicateRoutes } from './replicate-routes.ts';
import type { Route } from './route.ts';
import { runpodRoutes } from './runpod-routes.ts';
import { simpleRoutes } from './simple-routes.ts';
import { authErrors, jobAnswerHeaders, limitAnswerHeaders, submissionErrors } from './submission-answers.ts';
import { tenancyRoutes } from './tenancy-routes.ts';
import { usageQuerySchema, usageSchema } from './usage-resource.ts';
import { warmupRequestSchema, warmupSchema } from './warmup-resource.ts';
import { webhookRoutes } from './webhook-routes.ts';

/** Not the id's exact form: a malformed id must answer as a missing job does. */
const jobParamsSchema = z.object({ id: z.string() });

const waitSecondsSchema = wholeNumber(0, apiLimits.waitSecondsMax)
  .optional()
  .meta({ description: `Seconds to wait for the job to end, up to ${apiLimits.waitSecondsMax}` });

const submitHeadersSchema = z.object({
  'idempotency-key': idempotencyKeySchema('the first answer'),
  prefer: z.string().optional().meta({ description: '`wait` or `wait=n`: answer when the job has ended' }),
});

const jobStateHeaders = {
  ...jobAnswerHeaders,
  etag: 'Changes with the job; a new guess at its start is no change',
  'preference-applied': '`wait` when the Prefer header was followed',
  'retry-after': 'Seconds until the next look, while the job has not ended',
};

const submitAnswerHeaders = {
  ...jobAnswerHeaders,
  location: 'Path of the job',
  'preference-applied': '`wait` when the Prefer header was followed',
  ...limitAnswerHeaders,
};

export const routes = {
  submitJob: {
    id: 'submitJob',
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Submit a job',
    tag: 'jobs',
    scope: 'jobs:write',
    query: z.strictObject({ wait: waitSecondsSchema }),
    headers: submitHeadersSchema,
    body: jobRequestSchema,
    answers: {
      200: { description: 'The job has ended already', schema: jobSchema, headers: submitAnswerHeaders },
      202: { description: 'Accepted; poll or wait for it', schema: jobSchema, headers: submitAnswerHeaders },
    },
    errors: submissionErrors,
  },
  listJobs: {
    id: 'listJobs',
    method: 'GET',
    path: '/v1/jobs',
    summary: 'List jobs, newest first',
    tag: 'jobs',
    scope: 'jobs:read',
    query: jobListQuerySchema,
    answers: { 200: { description: 'A page of jobs', schema: jobListSchema } },
    errors: [...authErrors, 'invalid_request'],
  },
  getJob: {
    id: 'getJob',
    method: 'GET',
    path: '/v1/jobs/{id}',
    summary: 'Read a job, or wait for it',
    tag: 'jobs',
    scope: 'jobs:read',
    params: jobParamsSchema,
    query: z.strictObject({ wait: waitSecondsSchema }),
    headers: z.object({
      prefer: z.string().optional(),
      'if-none-match': z.string().optional().meta({ description: 'An ETag seen before' }),
    }),
    answers: {
      200: {
        description: 'The job',
        schema: jobSchema,
        headers: jobStateHeaders,
      },
      304: { description: 'Not changed since the ETag', headers: jobStateHeaders },
    },
    errors: [...authErrors, 'invalid_request', 'not_found'],
  },
  followJob: {
    id: 'followJob',
    method: 'GET',
    path: '/v1/jobs/{id}/events',
    summary: 'Follow a job as server-sent events until it has ended',
    tag: 'jobs',
    scope: 'jobs:read',
    params: jobParamsSchema,
    headers: lastEventIdHeaders,
    answers: {
      200: {
        description: 'Ends after `done`, or after 15 minutes; come back with `Last-Event-ID`',
        events:
          '`state`, `progress`, `preview`, `delta`, `output`, `error` and at last `done`, each with JSON for its data; `: ping` every 15 s',
        headers: jobAnswerHeaders,
      },
      204: { description: 'The last event was `done`: there is nothing more', headers: jobAnswerHeaders },
    },
    errors: [...authErrors, 'invalid_request', 'not_found', 'concurrency_limit'],
  },
  cancelJob: {
    id: 'cancelJob',
    method: 'POST',
    path: '/v1/jobs/{id}/cancel',
    summary: 'Cancel a job',
    isIdempotent: true,
    tag: 'jobs',
    scope: 'jobs:write',
    params: jobParamsSchema,
    answers: {
      200: {
        description: 'The job: canceled, about to be, or ended before',
        schema: jobSchema,
        headers: jobAnswerHeaders,
      },
    },
    errors: [
      ...authErrors,
      'invalid_request',
      'invalid_json',
      'payload_too_large',
      'unsupported_media_type',
      'not_found',
      'conflict',
    ],
  },
  retryJob: {
    id: 'retryJob',
    method: 'POST',
    path: '/v1/jobs/{id}/retry',
    summary: 'Submit a job that failed once more, as a new job',
    isIdempotent: true,
    tag: 'jobs',
    scope: 'jobs:write',
    params: jobParamsSchema,
    answers: {
      200: {
        description: 'The retry asked for before, ended',
        schema: jobSchema,
        headers: submitAnswerHeaders,
      },
      202: {
        description: 'Accepted: a new job with the same request, whose `retry_of` names the one before',
        schema: jobSchema,
        headers: submitAnswerHeaders,
      },
    },
    errors: [...submissionErrors, 'not_found', 'conflict'],
  },
  getJobOutput: {
    id: 'getJobOutput',
    method: 'GET',
    path: '/v1/jobs/{id}/output/{n}',
    summary: 'Redirect to one output',
    tag: 'jobs',
    scope: 'jobs:read',
    params: z.object({ id: z.string(), n: z.string() }),
    answers: {
      302: {
        description: 'Follow it to the bytes',
        headers: { ...jobAnswerHeaders, location: 'A link that works for 15 minutes' },
      },
    },
    errors: [...authErrors, 'invalid_request', 'not_found'],
  },
  listModels: {
    id: 'listModels',
    method: 'GET',
    path: '/v1/models',
    summary: 'List models',
    tag: 'models',
    scope: 'jobs:read',
    answers: { 200: { description: 'Every model', schema: modelListSchema } },
    errors: [...authErrors, 'invalid_request'],
  },
  getModel: {
    id: 'getModel',
    method: 'GET',
    path: '/v1/models/{id}',
    summary: 'Read a model',
    tag: 'models',
    scope: 'jobs:read',
    params: z.object({ id: z.string() }),
    answers: { 200: { description: 'The model', schema: modelSchema } },
    errors: [...authErrors, 'invalid_request', 'model_not_found'],
  },
  warmUpModel: {
    id: 'warmUpModel',
    method: 'POST',
    path: '/v1/models/{id}/warmup',
    summary: 'Have a worker kept up for a model, at the price of its time; pays once when repeated',
    tag: 'models',
    scope: 'jobs:write',
    params: z.object({ id: z.string() }),
    headers: z.object({ 'idempotency-key': idempotencyKeySchema('the first answer') }),
    body: warmupRequestSchema,
    answers: {
      202: {
        description: 'Paid, and kept up; by when a worker is expected to serve',
        schema: warmupSchema,
        headers: limitAnswerHeaders,
      },
    },
    errors: [
      ...authErrors,
      'invalid_request',
      'invalid_json',
      'model_not_found',
      'model_not_granted',
      'idempotency_in_flight',
      'conflict',
      'idempotency_mismatch',
      'payload_too_large',
      'unsupported_media_type',
      'budget_exhausted',
      'rate_limit_exceeded',
      'quota_exceeded',
    ],
  },
  getLimits: {
    id: 'getLimits',
    method: 'GET',
    path: '/v1/limits',
    summary: "Read the plan's limits and what is used of them",
    tag: 'account',
    scope: 'jobs:read',
    answers: { 200: { description: 'Every limit', schema: limitsSchema } },
    errors: [...authErrors, 'invalid_request'],
  },
  getUsage: {
    id: 'getUsage',
    method: 'GET',
    path: '/v1/usage',
    summary: 'Read what was used and what it cost, by day, model, key or tag',
    tag: 'account',
    scope: 'usage:read',
    query: usageQuerySchema,
    answers: {
      200: {
        description: 'Usage of jobs admitted in that time; a row per group',
        schema: usageSchema,
        orCsv: true,
      },
    },
    errors: [...authErrors, 'invalid_request'],
  },
  ...openaiRoutes,
  ...runpodRoutes,
  ...simpleRoutes,
  ...replicateRoutes,
  ...falRoutes,
  ...adapterRoutes,
  ...batchRoutes,
  ...webhookRoutes,
  ...tenancyRoutes,
  ...operationsRoutes,
  ...costRoutes,
  getHealth: {
    id: 'getHealth',
    method: 'GET',
    path: '/health',
    summary: 'Version, and whether the dependencies answer',
    tag: 'service',
    scope: null,
    answers: {
      200: {
        description: 'Healthy',
        schema: z
          .strictObject({
            status: z.literal('ok'),
            version: z.string(),
            dependencies: z.record(z.string(), z.literal('ok')),
          })
          .meta({ id: 'Health' }),
      },
    },
    errors: ['invalid_request', 'unavailable'],
  },
  getOpenapi: {
    id: 'getOpenapi',
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    tag: 'service',
    scope: null,
    answers: { 200: { description: 'OpenAPI 3.1', schema: z.record(z.string(), z.json()) } },
    errors: ['invalid_request'],
  },
  getDocs: {
    id: 'getDocs',
    method: 'GET',
    path: '/docs',
    summary: 'This document as a page',
    tag: 'service',
    scope: null,
    answers: { 200: { description: 'The reference, without scripts', text: 'text/html' } },
    errors: ['invalid_request'],
  },
} as const satisfies Record<string, Route>;

export type RouteId = keyof typeof routes;

export const routeList: readonly Route[] = Object.values(routes);
