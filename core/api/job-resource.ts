/** The job as it travels: request, answer, list. */
import * as z from 'zod';
import { askedAdaptersSchema } from '../adapter/job-adapters.ts';
import { withoutPictures } from '../chat/messages.ts';
import type { ComingPhase, WaitReason } from '../eta/supply.ts';
import { waitReasons } from '../eta/supply.ts';
import type { JobOutput, JobRecord } from '../job/job.ts';
import { finishReasons, jobClasses, jobStatuses } from '../job/job.ts';
import { apiLimits, jobLimits } from '../limits.ts';
import { withoutSourcePictures } from '../models/source-pictures.ts';
import { traceIdOf } from '../observability/trace.ts';
import { qualities } from '../tenancy/alias.ts';
import { webhookTargetSchema } from './webhook-resource.ts';

export const jobIdSchema = z
  .string()
  .regex(/^job_[0-9a-hjkmnp-tv-z]{26}$/)
  .meta({ description: 'Job id', examples: ['job_01hzy3v6q8k2m4n6p8r0s2t4v6'] });

export const metadataSchema = z
  .record(
    z.string().min(1).max(apiLimits.metadataKeyCharactersMax),
    z.string().max(apiLimits.metadataValueCharactersMax),
  )
  .refine((value) => Object.keys(value).length <= apiLimits.metadataKeysMax, {
    message: `must have at most ${apiLimits.metadataKeysMax} keys`,
  })
  .meta({ description: 'Your own labels, up to 16; come back with the job and filter lists.' });

export const jobRequestSchema = z
  .strictObject({
    model: z.string().min(1).max(128).meta({ description: 'Model id from /v1/models, or an alias' }),
    quality: z
      .enum(qualities)
      .optional()
      .meta({ description: 'The tier of `model` to use, where the operator has set it' }),
    input: z.record(z.string(), z.json()).meta({ description: "Checked against the model's input schema" }),
    adapters: askedAdaptersSchema.meta({
      description: 'LoRAs of the tenant that change the model for this job, from /v1/adapters',
    }),
    class: z.enum(jobClasses).optional().meta({
      description: 'Default: `class_default` of the plan or tenant, as /v1/limits says it',
    }),
    webhook: webhookTargetSchema.optional().meta({
      description:
        'Be told of this job, beside the webhooks of the tenant; signed with the secret of the webhook `default`',
    }),
    metadata: metadataSchema.default({}),
    deadline_s: z
      .int()
      .min(1)
      .max(jobLimits.startWithinMsMax / 1000)
      .optional()
      .meta({ description: 'Seconds within which the job must start, else it expires' }),
    cache: z.boolean().optional().meta({
      description:
        'Answer with the result of the same input and seed, if one was kept, and keep this one; default: the setting of the tenant',
    }),
    stream: z.boolean().optional().meta({
      description: 'Tell what it writes while it writes, at `/v1/jobs/{id}/events`; default: false',
    }),
  })
  .meta({ id: 'JobRequest' });

export type JobRequest = z.infer<typeof jobRequestSchema>;

const timeSchema = z.iso.datetime();
const countSchema = z.int().nonnegative();

export const jobOutputSchema = z.strictObject({
  type: z.enum(['image', 'text']),
  url: z.string().meta({ description: 'Redirects to a link that works for 15 minutes' }),
  content_type: z.string(),
  width: countSchema.optional(),
  height: countSchema.optional(),
  bytes: countSchema,
  sha256: z.string(),
  text: z
    .string()
    .optional()
    .meta({
      description: `Of a text of at most ${jobLimits.inlineTextBytesMax} bytes; left out where the tenant's volume is encrypted`,
    }),
  finish_reason: z
    .enum(finishReasons)
    .optional()
    .meta({ description: 'Of a text: stop, or length where it reached max_tokens' }),
});

const waitSchema = z.strictObject({
  reason: z.enum(waitReasons).meta({
    description:
      'starting_worker: no worker serves yet. loading_model: the workers that are there are loading. ' +
      'behind_others: workers serve, and other jobs run or go first. ' +
      'worker_unhealthy: the workers that served this pool are no longer heard of. ' +
      'paused: the operator paused the pool.',
  }),
  position: countSchema.meta({ description: 'Jobs ahead in its line; 0 is next' }),
  position_exact: z.boolean().meta({ description: 'False in a very long line: at least so many are ahead' }),
  eta: z
    .strictObject({
      start_at: timeSchema.meta({ description: 'Expected start: as likely before as after' }),
      start_at_p90: timeSchema.meta({
        description: 'Nine of ten jobs that are told this have started by then',
      }),
      finish_at: timeSchema.meta({ description: 'Expected start and the predicted GPU time' }),
      may_expire: z
        .boolean()
        .meta({ description: 'start_at_p90 is after deadline_at: the job may expire before it starts' }),
    })
    .nullable()
    .meta({ description: 'Null while the pool is paused: nobody knows' }),
  phase: z
    .strictObject({
      name: z.enum(['starting', 'loading']),
      elapsed_s: z.number().nonnegative(),
      expected_s: z.number().nonnegative(),
    })
    .optional()
    .meta({ description: 'What the worker that is to come is doing; left out when one serves' }),
});

export const jobSchema = z
  .strictObject({
    id: jobIdSchema,
    object: z.literal('job'),
    status: z.enum(jobStatuses),
    model: z.string(),
    model_revision: z.string(),
    class: z.enum(jobClasses),
    input: z
      .record(z.string(), z.json())
      .meta({ description: 'As it was understood; pictures of messages are left out' }),
    adapters: z.array(z.strictObject({ id: z.string(), weight: z.number(), sha256: z.string() })).meta({
      description: 'By id; the file of each is the one of this hash',
    }),
    output: z.array(jobOutputSchema),
    error: z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).nullable(),
    metadata: z.record(z.string(), z.string()),
    flags: z.array(z.string()).meta({
      description: 'What was noticed about the prompt and refused nothing: names of rules',
    }),
    attempts: countSchema,
    trace_id: z.string().nullable().meta({
      description:
        'The trace (W3C) that log lines about it are found by; of a line of a batch it is the trace of the batch. Null for jobs from before there were traces',
    }),
    created_at: timeSchema,
    started_at: timeSchema.nullable(),
    finished_at: timeSchema.nullable(),
    deadline_at: timeSchema,
    wait: waitSchema.nullable().meta({
      description:
        'Null unless the job waits in its line; also for the moment in which that cannot be looked at',
    }),
    progress: z.strictObject({ step: countSchema, steps: countSchema }).nullable(),
    usage: z
      .strictObject({
        gpu_ms: countSchema,
        images: countSchema,
        weighted_images: z.number(),
        input_tokens: countSchema,
        output_tokens: countSchema,
      })
      .nullable(),
    cost: z.strictObject({ usd_micros: countSchema }).nullable(),
    timings: z
      .strictObject({
        queued_ms: countSchema,
        load_ms: countSchema,
        run_ms: countSchema,
        upload_ms: countSchema,
      })
      .nullable(),
    receipt: z
      .strictObject({
        engine: z.string(),
        model_revision: z.string(),
        batch_size: countSchema,
        seeds: z.array(countSchema),
        unknown_words: z.array(z.string()).meta({ description: 'Prompt words the model does not know' }),
        runtime_versions: z.record(z.string(), z.string()),
        cached_from: jobIdSchema
          .nullable()
          .meta({ description: 'The job that made this result, when it came out of the result cache' }),
      })
      .nullable(),
    retry_of: jobIdSchema.nullable().meta({ description: 'The job that this one does once more' }),
    urls: z.strictObject({ self: z.string(), cancel: z.string(), events: z.string() }),
  })
  .meta({ id: 'Job' });

export type JobResource = z.infer<typeof jobSchema>;

export const jobListSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(jobSchema),
    next_cursor: z.string().nullable().meta({ description: 'Pass as `cursor` for the next page' }),
  })
  .meta({ id: 'JobList' });

/** What is known of the wait of a job in a line. */
export interface WaitView {
  readonly reason: WaitReason;
  /** Entries of the line that go first: at least so many, unless `isExact`. */
  readonly ahead: number;
  readonly isExact: boolean;
  /** Null while nobody knows. */
  readonly start: { readonly atMs: number; readonly atP90Ms: number } | null;
  readonly phase: ComingPhase | null;
  /** When that was so. */
  readonly atMs: number;
}

/** `wait` is for a job that waits in its line and for no other; null where it is not known. Links are relative to the API's origin. */
export function presentJob(job: JobRecord, wait: WaitView | null): JobResource {
  const self = `/v1/jobs/${job.jobId}`;
  return {
    id: job.jobId,
    object: 'job',
    status: job.status,
    model: job.model,
    model_revision: job.modelRevision,
    class: job.class,
    input: withoutSourcePictures(withoutPictures(job.input)),
    adapters: job.adapters.map(({ id, weight, sha256 }) => ({ id, weight, sha256 })),
    output: job.outputs.map((output, index) => presentOutput(output, `${self}/output/${index}`)),
    // The last error of a job that will be tried again is not its end.
    error: job.place.kind === 'done' ? job.error : null,
    metadata: job.metadata,
    flags: job.flags,
    attempts: job.attempt,
    trace_id: traceIdOf(job.traceparent),
    created_at: timeOf(job.createdAtMs),
    started_at: job.startedAtMs === null ? null : timeOf(job.startedAtMs),
    finished_at: job.finishedAtMs === null ? null : timeOf(job.finishedAtMs),
    deadline_at: timeOf(job.startByMs),
    wait: wait && presentWait(job, wait),
    progress: job.progress,
    cost: job.costUsdMicros === null ? null : { usd_micros: job.costUsdMicros },
    ...presentRun(job),
    retry_of: job.retryOf,
    urls: { self, cancel: `${self}/cancel`, events: `${self}/events` },
  };
}

function presentOutput(output: JobOutput, url: string): JobResource['output'][number] {
  const { type, contentType, width, height, bytes, sha256, text, finishReason } = output;
  return {
    type,
    url,
    content_type: contentType,
    width,
    height,
    bytes,
    sha256,
    text,
    finish_reason: finishReason,
  };
}

function presentRun({
  usage,
  timings,
  receipt,
}: JobRecord): Pick<JobResource, 'usage' | 'timings' | 'receipt'> {
  return {
    usage: usage && {
      gpu_ms: usage.gpuMs,
      images: usage.images,
      weighted_images: usage.weightedImages,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
    },
    timings: timings && {
      queued_ms: timings.queuedMs,
      load_ms: timings.loadMs,
      run_ms: timings.runMs,
      upload_ms: timings.uploadMs,
    },
    receipt: receipt && {
      engine: receipt.engine,
      model_revision: receipt.modelRevision,
      batch_size: receipt.batchSize,
      seeds: receipt.seeds,
      unknown_words: receipt.unknownWords,
      runtime_versions: receipt.versions,
      cached_from: receipt.cachedFrom ?? null,
    },
  };
}

function presentWait(job: JobRecord, wait: WaitView): NonNullable<JobResource['wait']> {
  const { reason, ahead, isExact, start, phase, atMs } = wait;
  return {
    reason,
    position: ahead,
    position_exact: isExact,
    eta: start && {
      start_at: timeOf(start.atMs),
      start_at_p90: timeOf(start.atP90Ms),
      finish_at: timeOf(start.atMs + job.predictedGpuMs),
      // A job that started once never expires.
      may_expire: job.attempt === 0 && start.atP90Ms > job.startByMs,
    },
    ...(phase === null
      ? {}
      : {
          phase: {
            name: phase.name,
            elapsed_s: secondsOf(atMs - phase.sinceMs),
            expected_s: secondsOf(phase.expectedMs),
          },
        }),
  };
}

/** To the tenth of a second. */
function secondsOf(ms: number): number {
  return Math.round(Math.max(0, ms) / 100) / 10;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
