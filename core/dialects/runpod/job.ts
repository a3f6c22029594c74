/** Jobs as RunPod's clients read them. Output is the native one, whose links are relative to the API's origin. */
import * as z from 'zod';
import { jobIdSchema, jobOutputSchema, presentJob } from '../../api/job-resource.ts';
import type { JobRecord } from '../../job/job.ts';

export const runpodStatuses = [
  'IN_QUEUE',
  'IN_PROGRESS',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TIMED_OUT',
] as const;

export type RunpodStatus = (typeof runpodStatuses)[number];

const msSchema = z.int().nonnegative();

export const runpodJobSchema = z
  .strictObject({
    id: jobIdSchema,
    status: z.enum(runpodStatuses),
    delayTime: msSchema.optional().meta({ description: 'Milliseconds that it waited, once it has started' }),
    executionTime: msSchema.optional().meta({ description: 'Milliseconds from its start to its end' }),
    output: z.array(jobOutputSchema).optional(),
    error: z.string().optional(),
  })
  .meta({ id: 'RunpodJob' });

export type RunpodJob = z.infer<typeof runpodJobSchema>;

export const runpodStreamSchema = z
  .strictObject({
    status: z.enum(runpodStatuses),
    stream: z.array(z.strictObject({ output: z.union([z.string(), jobOutputSchema]) })).meta({
      description:
        'What is new since the last request: pieces of text as they are written, pictures at the end',
    }),
  })
  .meta({ id: 'RunpodStream' });

const countSchema = z.int().nonnegative();

export const runpodHealthSchema = z
  .strictObject({
    jobs: z
      .strictObject({
        completed: countSchema,
        failed: countSchema,
        inProgress: countSchema,
        inQueue: countSchema,
        retried: countSchema,
      })
      .meta({ description: 'Of the newest 1,000 jobs of the tenant, those of this endpoint' }),
    workers: z.strictObject({
      idle: countSchema,
      initializing: countSchema,
      ready: countSchema,
      running: countSchema,
      throttled: countSchema.meta({ description: 'Wanted, and not there yet' }),
      unhealthy: countSchema.meta({ description: 'Not heard of any more' }),
    }),
  })
  .meta({ id: 'RunpodHealth' });

export type RunpodHealth = z.infer<typeof runpodHealthSchema>;

export const runpodPurgeSchema = z
  .strictObject({ removed: countSchema, status: z.literal('completed') })
  .meta({ id: 'RunpodPurge' });

export function presentRunpodJob(job: JobRecord): RunpodJob {
  const { jobId, createdAtMs, startedAtMs, finishedAtMs } = job;
  const status = runpodStatusOf(job);
  const { error, output } = presentJob(job, null);
  return {
    id: jobId,
    status,
    // Clocks of two machines: never below nothing.
    ...(startedAtMs === null ? {} : { delayTime: Math.max(0, startedAtMs - createdAtMs) }),
    ...(startedAtMs === null || finishedAtMs === null
      ? {}
      : { executionTime: Math.max(0, finishedAtMs - startedAtMs) }),
    ...(status === 'COMPLETED' ? { output } : {}),
    ...(error === null || status === 'CANCELLED' ? {} : { error: error.message }),
  };
}

export function runpodStatusOf({ status, error }: Pick<JobRecord, 'status' | 'error'>): RunpodStatus {
  switch (status) {
    case 'queued':
      return 'IN_QUEUE';
    case 'running':
      return 'IN_PROGRESS';
    case 'succeeded':
      return 'COMPLETED';
    case 'failed':
      return 'FAILED';
    case 'canceled':
      return error?.code === 'run_too_long' ? 'TIMED_OUT' : 'CANCELLED';
    case 'expired':
      return 'TIMED_OUT';
  }
}
