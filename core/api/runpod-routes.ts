/** The routes that speak RunPod's dialect: an endpoint is a model. */
import * as z from 'zod';
import {
  runpodHealthSchema,
  runpodJobSchema,
  runpodPurgeSchema,
  runpodStreamSchema,
} from '../dialects/runpod/job.ts';
import { runpodRequestSchema } from '../dialects/runpod/request.ts';
import { runpodLimits } from '../limits.ts';
import { idempotencyKeySchema } from './idempotency-key.ts';
import type { Route } from './route.ts';
import { authErrors, jobAnswerHeaders, limitAnswerHeaders, submissionErrors } from './submission-answers.ts';

const endpointSchema = z.object({ endpoint: z.string() });
// Not the exact form of an id: a malformed id must answer as a missing job does.
const jobParamsSchema = z.object({ endpoint: z.string(), id: z.string() });

const headersSchema = z.object({
  'idempotency-key': idempotencyKeySchema('the first job'),
});

const waitQuerySchema = z.strictObject({
  wait: z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(1_000).max(runpodLimits.waitMsMax))
    .default(runpodLimits.waitMsDefault)
    .meta({ description: 'Milliseconds to wait for the end of the job' }),
});

const shared = { tag: 'runpod' } as const;
const reading = [...authErrors, 'invalid_request', 'not_found'] as const;
const writing = ['invalid_json', 'payload_too_large', 'unsupported_media_type'] as const;
const job = { schema: runpodJobSchema, headers: jobAnswerHeaders } as const;
const submission = {
  schema: runpodJobSchema,
  headers: { ...jobAnswerHeaders, ...limitAnswerHeaders },
} as const;

export const runpodRoutes = {
  runpodRun: {
    ...shared,
    id: 'runpodRun',
    method: 'POST',
    path: '/runpod/v2/{endpoint}/run',
    summary: 'Submit a job',
    scope: 'jobs:write',
    params: endpointSchema,
    headers: headersSchema,
    body: runpodRequestSchema,
    answers: { 200: { ...submission, description: 'Accepted; poll its status' } },
    errors: submissionErrors,
  },
  runpodRunSync: {
    ...shared,
    id: 'runpodRunSync',
    method: 'POST',
    path: '/runpod/v2/{endpoint}/runsync',
    summary: 'Submit a job and wait for it',
    scope: 'jobs:write',
    params: endpointSchema,
    query: waitQuerySchema,
    headers: headersSchema,
    body: runpodRequestSchema,
    answers: { 200: { ...submission, description: 'The job as it ended, or as it stands after the wait' } },
    errors: submissionErrors,
  },
  runpodStatus: {
    ...shared,
    id: 'runpodStatus',
    method: 'GET',
    path: '/runpod/v2/{endpoint}/status/{id}',
    summary: 'Read a job',
    scope: 'jobs:read',
    params: jobParamsSchema,
    query: z.strictObject({
      ttl: z.string().optional().meta({ description: 'Taken and not used: a job is kept as the plan says' }),
    }),
    answers: { 200: { ...job, description: 'The job' } },
    errors: reading,
  },
  runpodStatusSync: {
    ...shared,
    id: 'runpodStatusSync',
    method: 'GET',
    path: '/runpod/v2/{endpoint}/status-sync/{id}',
    summary: 'Wait for a job',
    scope: 'jobs:read',
    params: jobParamsSchema,
    query: waitQuerySchema,
    answers: { 200: { ...job, description: 'The job as it ended, or as it stands after the wait' } },
    errors: reading,
  },
  runpodStream: {
    ...shared,
    id: 'runpodStream',
    method: 'GET',
    path: '/runpod/v2/{endpoint}/stream/{id}',
    summary: 'Take what a job has said since the last request',
    isReadOnce: true,
    scope: 'jobs:read',
    params: jobParamsSchema,
    answers: { 200: { schema: runpodStreamSchema, headers: jobAnswerHeaders, description: 'What is new' } },
    errors: reading,
  },
  runpodCancel: {
    ...shared,
    id: 'runpodCancel',
    method: 'POST',
    path: '/runpod/v2/{endpoint}/cancel/{id}',
    summary: 'Cancel a job',
    isIdempotent: true,
    scope: 'jobs:write',
    params: jobParamsSchema,
    answers: { 200: { ...job, description: 'The job: canceled, about to be, or ended before' } },
    errors: [...reading, ...writing, 'conflict'],
  },
  runpodRetry: {
    ...shared,
    id: 'runpodRetry',
    method: 'POST',
    path: '/runpod/v2/{endpoint}/retry/{id}',
    summary: 'Submit a job that failed or timed out once more, as a new job',
    isIdempotent: true,
    scope: 'jobs:write',
    params: jobParamsSchema,
    answers: { 200: { ...submission, description: 'The new job; the one before stays as it is' } },
    errors: [...submissionErrors, 'not_found'],
  },
  runpodPurgeQueue: {
    ...shared,
    id: 'runpodPurgeQueue',
    method: 'POST',
    path: '/runpod/v2/{endpoint}/purge-queue',
    summary: "Cancel every job of the tenant that waits for this endpoint's workers",
    scope: 'jobs:write',
    params: endpointSchema,
    answers: { 200: { schema: runpodPurgeSchema, description: 'How many were canceled' } },
    errors: [...authErrors, 'invalid_request', ...writing, 'model_not_found', 'model_not_granted'],
  },
  runpodHealth: {
    ...shared,
    id: 'runpodHealth',
    method: 'GET',
    path: '/runpod/v2/{endpoint}/health',
    summary: "Count the tenant's jobs of an endpoint, and its workers",
    scope: 'jobs:read',
    params: endpointSchema,
    answers: { 200: { schema: runpodHealthSchema, description: 'Jobs and workers' } },
    errors: [...authErrors, 'invalid_request', 'model_not_found', 'model_not_granted'],
  },
} as const satisfies Record<string, Route>;
