/** The operator's routes of the running platform: pools, the fleet, and the jobs and the ledger of a tenant. */
import * as z from 'zod';
import { jobListQuerySchema } from './job-query.ts';
import { jobListSchema, jobSchema } from './job-resource.ts';
import { ledgerEntrySchema, ledgerQuerySchema, refundRequestSchema } from './ledger-resource.ts';
import {
  fleetQuerySchema,
  fleetSchema,
  poolListSchema,
  poolSchema,
  prewarmRequestSchema,
} from './pool-resource.ts';
import type { Route } from './route.ts';
import { listOf } from './tenancy-resource.ts';

const reading = ['invalid_api_key', 'missing_scope', 'tenant_suspended', 'invalid_request'] as const;
const writing = [...reading, 'invalid_json', 'payload_too_large', 'unsupported_media_type'] as const;

// Not the exact form of an id: a malformed id must answer as a missing object does.
const poolParamsSchema = z.object({ pool: z.string() });
const jobOfTenantSchema = z.object({ id: z.string(), job: z.string() });

const poolNow = { 200: { description: 'The pool as it is now', schema: poolSchema } } as const;

export const operationsRoutes = {
  adminListPools: {
    id: 'adminListPools',
    method: 'GET',
    path: '/admin/v1/pools',
    summary: 'List pools: state, work and workers of each',
    tag: 'admin',
    scope: 'admin',
    answers: { 200: { description: 'Every pool', schema: poolListSchema } },
    errors: [...reading],
  },
  adminGetPool: {
    id: 'adminGetPool',
    method: 'GET',
    path: '/admin/v1/pools/{pool}',
    summary: 'Read a pool',
    tag: 'admin',
    scope: 'admin',
    params: poolParamsSchema,
    answers: poolNow,
    errors: [...reading, 'not_found'],
  },
  adminPausePool: {
    id: 'adminPausePool',
    method: 'POST',
    path: '/admin/v1/pools/{pool}/pause',
    summary: 'Accept jobs and start none; batches under way end',
    isIdempotent: true,
    tag: 'admin',
    scope: 'admin',
    params: poolParamsSchema,
    answers: poolNow,
    errors: [...writing, 'not_found'],
  },
  adminResumePool: {
    id: 'adminResumePool',
    method: 'POST',
    path: '/admin/v1/pools/{pool}/resume',
    summary: 'End a pause',
    isIdempotent: true,
    tag: 'admin',
    scope: 'admin',
    params: poolParamsSchema,
    answers: poolNow,
    errors: [...writing, 'not_found'],
  },
  adminDrainPool: {
    id: 'adminDrainPool',
    method: 'POST',
    path: '/admin/v1/pools/{pool}/drain',
    summary: 'Let batches end and all workers go; work that waits lights fresh ones, unless paused',
    tag: 'admin',
    scope: 'admin',
    params: poolParamsSchema,
    answers: poolNow,
    errors: [...writing, 'not_found'],
  },
  adminPrewarmPool: {
    id: 'adminPrewarmPool',
    method: 'POST',
    path: '/admin/v1/pools/{pool}/prewarm',
    summary: 'Keep workers up for a time, work or not; `prewarm` of the answer says how many',
    tag: 'admin',
    scope: 'admin',
    params: poolParamsSchema,
    body: prewarmRequestSchema,
    answers: poolNow,
    errors: [...writing, 'not_found', 'conflict'],
  },
  adminReadMetrics: {
    id: 'adminReadMetrics',
    method: 'GET',
    path: '/admin/v1/metrics',
    summary:
      'Read the metrics of a local stack as Prometheus does; a deployment on AWS has them in CloudWatch',
    tag: 'admin',
    scope: 'admin',
    answers: { 200: { description: 'Every metric so far, since the stack was started', text: 'text/plain' } },
    errors: [...reading, 'not_found'],
  },
  adminListFleet: {
    id: 'adminListFleet',
    method: 'GET',
    path: '/admin/v1/fleet',
    summary: 'List the workers of every pool, those that fell silent marked',
    tag: 'admin',
    scope: 'admin',
    query: fleetQuerySchema,
    answers: { 200: { description: 'Every worker, by pool and start', schema: fleetSchema } },
    errors: [...reading, 'not_found'],
  },
  adminListJobs: {
    id: 'adminListJobs',
    method: 'GET',
    path: '/admin/v1/tenants/{id}/jobs',
    summary: "List a tenant's jobs, newest first",
    tag: 'admin',
    scope: 'admin',
    params: z.object({ id: z.string() }),
    query: jobListQuerySchema,
    answers: { 200: { description: 'A page of jobs', schema: jobListSchema } },
    errors: [...reading, 'not_found'],
  },
  adminGetJob: {
    id: 'adminGetJob',
    method: 'GET',
    path: '/admin/v1/tenants/{id}/jobs/{job}',
    summary: "Read a tenant's job",
    tag: 'admin',
    scope: 'admin',
    params: jobOfTenantSchema,
    answers: { 200: { description: 'The job', schema: jobSchema } },
    errors: [...reading, 'not_found'],
  },
  adminRefundJob: {
    id: 'adminRefundJob',
    method: 'POST',
    path: '/admin/v1/tenants/{id}/jobs/{job}/refund',
    summary: 'Give back what a job was charged, once; its month gets the budget back',
    tag: 'admin',
    scope: 'admin',
    params: jobOfTenantSchema,
    body: refundRequestSchema,
    answers: {
      200: {
        description: 'The refund; the first one when the same was asked before',
        schema: ledgerEntrySchema,
      },
    },
    errors: [...writing, 'not_found', 'conflict'],
  },
  adminListLedger: {
    id: 'adminListLedger',
    method: 'GET',
    path: '/admin/v1/tenants/{id}/ledger',
    summary: "List the charges and refunds of a tenant's month",
    tag: 'admin',
    scope: 'admin',
    params: z.object({ id: z.string() }),
    query: ledgerQuerySchema,
    answers: { 200: { description: 'A page of entries', schema: listOf(ledgerEntrySchema) } },
    errors: [...reading, 'not_found'],
  },
} as const satisfies Record<string, Route>;
