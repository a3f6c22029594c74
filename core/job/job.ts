/**
 * The job record: everything the product knows of one accepted request. It is written only through the transitions
 * of `transitions.ts`, each under a {@link Guard}.
 *
 * A job is always at exactly one *place*, and the place is what a guard tests:
 * - `line`: waits to be claimed, sorted by fair tag within `pool#class`. Entered by creation, and again when an
 *   attempt is given back or fails in a way worth another attempt. Left by claim, cancel, expire.
 * - `lease`: a worker runs attempt number `attempt` until `expiresAtMs`. Entered by claim. Left by finishing, giving
 *   back, or by another claim once the lease ran out: the sweep and every redelivered ticket look for those.
 * - `done`: terminal. Never left.
 *
 * The public `status` moves forward only; a job that waits for another attempt stays `running`.
 */
import * as z from 'zod';
import { jobAdapterSchema } from '../adapter/job-adapters.ts';
import type { JobErrorCode } from '../errors.ts';
import { jobErrors } from '../errors.ts';
import { toldStartSchema } from '../eta/calibration.ts';
import { jobLimits } from '../limits.ts';
import type { Isolation } from '../tenancy/isolation.ts';
import { isolations } from '../tenancy/isolation.ts';

export const jobStatuses = ['queued', 'running', 'succeeded', 'failed', 'canceled', 'expired'] as const;
export const jobClasses = ['interactive', 'batch'] as const;
const jobErrorCodes = Object.keys(jobErrors) as [JobErrorCode, ...JobErrorCode[]];

/** How a text ended: by itself or at a stop string, or at the tokens that were asked for. */
export const finishReasons = ['stop', 'length'] as const;

export type FinishReason = (typeof finishReasons)[number];
export type JobStatus = (typeof jobStatuses)[number];
export type JobClass = (typeof jobClasses)[number];

const wholeSchema = z.int().nonnegative();

const placeSchema = z.discriminatedUnion('kind', [
  /** With `notBeforeMs`, nobody may claim it until then. */
  z.object({ kind: z.literal('line'), notBeforeMs: wholeSchema.optional() }),
  z.object({ kind: z.literal('lease'), workerId: z.string(), expiresAtMs: wholeSchema }),
  z.object({ kind: z.literal('done') }),
]);

const outputSchema = z.object({
  type: z.enum(['image', 'text']),
  /** Path of the blob within the tenant's files; holds the job and the attempt that made it. */
  path: z.string(),
  contentType: z.string(),
  bytes: wholeSchema,
  sha256: z.string(),
  width: wholeSchema.optional(),
  height: wholeSchema.optional(),
  /** What the file holds, where that is a short text and its tenant's files need no key of their own. */
  text: z.string().optional(),
  /** Of a text that a model wrote. */
  finishReason: z.enum(finishReasons).optional(),
});

const timingsSchema = z.object({
  queuedMs: wholeSchema,
  loadMs: wholeSchema,
  runMs: wholeSchema,
  uploadMs: wholeSchema,
});

const usageSchema = z.object({
  gpuMs: wholeSchema,
  images: wholeSchema,
  weightedImages: z.number().nonnegative(),
  /** Tokens that the model read and wrote, as its own tokenizer counts them; 0 in records from before. */
  inputTokens: wholeSchema.default(0),
  outputTokens: wholeSchema.default(0),
});

/** What a person needs to make the same result again, or to argue about it. */
const receiptSchema = z.object({
  workerId: z.string(),
  engine: z.string(),
  modelRevision: z.string(),
  batchSize: wholeSchema,
  seeds: z.array(wholeSchema),
  /** Prompt words the model does not know and left out. */
  unknownWords: z.array(z.string()),
  versions: z.record(z.string(), z.string()),
  /** The job that made this result, when it came out of the result cache. */
  cachedFrom: z.string().optional(),
});

export const jobRecordSchema = z.object({
  tenantId: z.string(),
  jobId: z.string(),
  /** Key that submitted it, for the ledger. */
  keyId: z.string(),
  pool: z.string(),
  model: z.string(),
  modelRevision: z.string(),
  class: z.enum(jobClasses),
  status: z.enum(jobStatuses),
  place: placeSchema,
  /** Fencing token: raised by every claim, part of every result key, required to finish. */
  attempt: wholeSchema,
  /** Attempts that ended through no fault of the job (drain, reclaimed worker): they do not count towards poison. */
  interruptions: wholeSchema,
  /** How often it went back to the line to wait for memory of a card. */
  memoryWaits: wholeSchema.default(0),
  /** Input as validated against the manifest, defaults filled in. */
  input: z.record(z.string(), z.json()),
  /** Jobs with equal batch keys may share one model call. */
  batchKey: z.string(),
  /** What changes the model for it, by id. */
  adapters: z.array(jobAdapterSchema).default([]),
  /** Place in the line: start-time fair queuing tag in weighted GPU microseconds. */
  tag: wholeSchema,
  /** What the job added to its tenant's finish tag, in the same unit; trued up by GPU time used. */
  tagCost: wholeSchema,
  predictedGpuMs: wholeSchema,
  /** When it was expected to start as it was admitted; null when nothing could be told, and in records from before. */
  toldStart: toldStartSchema.nullable().default(null),
  weightedImages: z.number().nonnegative(),
  images: wholeSchema,
  /** Peak that it is predicted to take of a card, on top of the model's weights. */
  memoryMb: wholeSchema.default(0),
  /** What its tenant's running jobs may take of one card, as it stood at admission; null: no bound. */
  allotmentMb: wholeSchema.nullable().default(null),
  /** How many jobs of its tenant may run at once, as it stood at admission; null: no bound. */
  runningJobsMax: wholeSchema.nullable().default(null),
  /** `process`: runs in a runner of its tenant's own. */
  isolation: z.enum(isolations).default('shared'),
  /** Its outputs are stored under a key of the key management service. */
  encrypted: z.boolean().default(false),
  /** Token of the reservation in the tenant's gate that belongs to this record and no other. */
  reservation: z.string(),
  reservedUsdMicros: wholeSchema,
  /** How long it is kept after its end, as it stood at admission; whole seconds. */
  retentionMs: wholeSchema.default(jobLimits.keptMs),
  /** When its files go, where they are another job's: of a result out of the cache. Null: with the record. */
  filesUntilMs: wholeSchema.nullable().default(null),
  metadata: z.record(z.string(), z.string()),
  /** Where its request wants to be told of it, beside the endpoints of its tenant; null: nowhere. */
  webhook: z
    .object({
      url: z.string(),
      events: z.array(z.enum(jobStatuses.map((status) => `job.${status}` as const))),
      /** The dialect that the message is in, and where the API is that its links lead to, if it has any; else it is in ours. */
      form: z
        .discriminatedUnion('dialect', [
          z.object({ dialect: z.literal('runpod') }),
          z.object({ dialect: z.enum(['replicate', 'fal']), apiUrl: z.string() }),
        ])
        .optional(),
    })
    .nullable()
    .default(null),
  /** Pictures that its input names, by what it calls them: which file each is, and what that held at admission. */
  pictures: z.array(z.object({ url: z.string(), fileId: z.string(), sha256: z.string() })).default([]),
  /** What was noticed about the prompt and refused nothing: names of rules. */
  flags: z.array(z.string()).default([]),
  /** Where and how long the result is kept to be answered with again; null: it is not. */
  cache: z.object({ key: z.string(), ttlMs: wholeSchema, entriesMax: wholeSchema }).nullable().default(null),
  /** What it says is told while it is made, for those who follow it. */
  streamed: z.boolean().default(false),
  /** The trace of the request that it came with (W3C); of a line of a batch, the batch's; null in records from before. */
  traceparent: z.string().nullable().default(null),
  /** The job that this one does once more; null for the first. */
  retryOf: z.string().nullable().default(null),
  /** Hash of the canonical request body when an Idempotency-Key came with it. */
  fingerprint: z.string().nullable(),
  createdAtMs: wholeSchema,
  /** The job must have started by then. */
  startByMs: wholeSchema,
  /** How long one attempt may run before it is stopped; null: no bound. */
  runMsMax: wholeSchema.nullable().default(null),
  startedAtMs: wholeSchema.nullable(),
  finishedAtMs: wholeSchema.nullable(),
  cancelRequestedAtMs: wholeSchema.nullable(),
  progress: z.object({ step: wholeSchema, steps: wholeSchema }).nullable(),
  outputs: z.array(outputSchema),
  error: z.object({ code: z.enum(jobErrorCodes), message: z.string(), retryable: z.boolean() }).nullable(),
  usage: usageSchema.nullable(),
  costUsdMicros: wholeSchema.nullable(),
  timings: timingsSchema.nullable(),
  receipt: receiptSchema.nullable(),
});

export type JobRecord = z.infer<typeof jobRecordSchema>;
export type WebhookForm = NonNullable<NonNullable<JobRecord['webhook']>['form']>;
export type JobPlace = JobRecord['place'];
export type JobOutput = JobRecord['outputs'][number];
export type JobError = NonNullable<JobRecord['error']>;
export type JobTimings = NonNullable<JobRecord['timings']>;
export type JobUsage = NonNullable<JobRecord['usage']>;
/** Of a job that made nothing. */
export const nothingUsed: JobUsage = {
  gpuMs: 0,
  images: 0,
  weightedImages: 0,
  inputTokens: 0,
  outputTokens: 0,
};

export type JobReceipt = NonNullable<JobRecord['receipt']>;

/** Where a job waits: what a worker sees of it without reading the record. */
export interface LineEntry {
  readonly tenantId: string;
  readonly jobId: string;
  readonly pool: string;
  readonly class: JobClass;
  readonly tag: number;
  /** Over the predicted GPU time, the weight of its tenant. */
  readonly tagCost: number;
  readonly model: string;
  readonly modelRevision: string;
  readonly batchKey: string;
  readonly predictedGpuMs: number;
  readonly memoryMb: number;
  readonly allotmentMb: number | null;
  readonly runningJobsMax: number | null;
  readonly isolation: Isolation;
  readonly attempt: number;
  readonly startByMs: number;
  /** Nobody may claim it until then; null: at once. */
  readonly notBeforeMs: number | null;
  /** Who runs it; null while it waits. */
  readonly workerId: string | null;
}

/** A terminal job never changes again. */
export function isTerminal(job: Pick<JobRecord, 'place'>): boolean {
  return job.place.kind === 'done';
}

/**
 * From this instant on the job answers as missing; null while it has not ended. A full second, rounded up, because
 * stores expire by the second.
 */
export function keptUntilMs({
  finishedAtMs,
  retentionMs,
}: Pick<JobRecord, 'finishedAtMs' | 'retentionMs'>): number | null {
  return finishedAtMs === null ? null : Math.ceil((finishedAtMs + retentionMs) / 1000) * 1000;
}

export function isPastRetention(
  job: Pick<JobRecord, 'finishedAtMs' | 'retentionMs'>,
  nowMs: number,
): boolean {
  const untilMs = keptUntilMs(job);
  return untilMs !== null && nowMs >= untilMs;
}

/** From this instant on none of its outputs has a link; null while it has not ended. */
export function filesKeptUntilMs(
  job: Pick<JobRecord, 'finishedAtMs' | 'retentionMs' | 'filesUntilMs'>,
): number | null {
  const untilMs = keptUntilMs(job);
  return untilMs === null ? null : Math.min(untilMs, job.filesUntilMs ?? untilMs);
}

/** The record as its line shows it. */
export function lineEntryOf(job: JobRecord): LineEntry {
  return {
    tenantId: job.tenantId,
    jobId: job.jobId,
    pool: job.pool,
    class: job.class,
    tag: job.tag,
    tagCost: job.tagCost,
    model: job.model,
    modelRevision: job.modelRevision,
    batchKey: job.batchKey,
    predictedGpuMs: job.predictedGpuMs,
    memoryMb: job.memoryMb,
    allotmentMb: job.allotmentMb,
    runningJobsMax: job.runningJobsMax,
    isolation: job.isolation,
    attempt: job.attempt,
    startByMs: job.startByMs,
    notBeforeMs: notBeforeMsOf(job.place),
    workerId: job.place.kind === 'lease' ? job.place.workerId : null,
  };
}

/** Of a job that waits for memory; null for any other. */
export function notBeforeMsOf(place: JobPlace): number | null {
  return place.kind === 'line' ? (place.notBeforeMs ?? null) : null;
}
