/**
 * A batch: a file of lines, each of which becomes a job. The record is all that is known of how far it came, so that
 * whoever works at it next goes on from there:
 *
 * - lines before `cursor` have ended or are among `open`; those from there on nobody has touched;
 * - a line is put among `open` before its job is asked for, and leaves it in the write that puts its result down, so it
 *   has one result, whoever works at the batch and however often (`core/flows/work-at-batch.ts`);
 * - results lie in a chain of files, the last of which the record names: what it does not name was never put down.
 *
 * ```
 * validating -> in_progress -> finalizing -> completed | expired
 *     |    \         |
 *     v     \--------+--> cancelling -> cancelled
 *   failed
 * ```
 */
import * as z from 'zod';
import { batchLimits, batchRunLimits } from '../limits.ts';
import { traceparentOf } from '../observability/trace.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { retentionMsOf } from '../tenancy/plans.ts';

export const batchStatuses = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
] as const;

const wholeSchema = z.int().nonnegative();

const faultSchema = z.object({
  code: z.string(),
  message: z.string(),
  /** From 1; null: of the whole file. */
  line: z.int().positive().nullable(),
  param: z.string().nullable(),
});

const placeSchema = z.object({ number: z.int().positive(), byteOffset: wholeSchema });

const openLineSchema = placeSchema.extend({ customId: z.string() });

/** Results that were put down: the name of the last file, which names the one before, and how many lines there are. */
const chainSchema = z.object({ last: z.string().nullable(), lines: wholeSchema });

export const batchRecordSchema = z.object({
  tenantId: z.string(),
  batchId: z.string(),
  /** Of the key that asked for it; its jobs are that key's. */
  keyId: z.string(),
  /** Models that the key may use; null: every one that its tenant may. */
  keyModels: z.array(z.string()).nullable(),
  inputFileId: z.string(),
  /** The name of the file that it was dropped as, beside which its results go; null: it was asked for by a request. */
  dropName: z.string().nullable().default(null),
  /** The one url that its lines may have. */
  endpoint: z.string(),
  metadata: z.record(z.string(), z.string()),
  /** The trace of the request that asked for it (W3C); null for one that was dropped, and in records from before. */
  traceparent: z.string().nullable().default(null),
  status: z.enum(batchStatuses),
  /** Lines that the file may have, as the limit stood when it was asked for. */
  linesMax: wholeSchema,
  /** Its files are stored under a key of the key management service. */
  isEncrypted: z.boolean(),
  /** How long it and its files are kept after its end; whole seconds. */
  retentionMs: wholeSchema,
  /** Of all lines that are fit to run, as predicted. */
  estimate: z.object({ usdMicros: wholeSchema, gpuMs: wholeSchema }).nullable(),
  /** Lines that hold anything, once they were counted. */
  total: wholeSchema,
  /** Faults of the file and the first ones of its lines. */
  errors: z.array(faultSchema),
  /** Where the numbers of lines are listed whose id is on an earlier line; null: there are none. */
  repeatedPath: z.string().nullable(),
  /** The first line that nobody has touched; null: there is none. */
  cursor: placeSchema.nullable(),
  open: z.array(openLineSchema),
  /** Why no further line becomes a job; the rest ends with this code. */
  stop: z.object({ code: z.string(), message: z.string() }).nullable(),
  outputs: chainSchema,
  faults: chainSchema,
  outputFileId: z.string().nullable(),
  errorFileId: z.string().nullable(),
  /** When lines were last put down. */
  collectedAtMs: wholeSchema,
  createdAtMs: wholeSchema,
  /** No line is asked for from then on. */
  expiresAtMs: wholeSchema,
  startedAtMs: wholeSchema.nullable(),
  cancelingAtMs: wholeSchema.nullable(),
  finalizingAtMs: wholeSchema.nullable(),
  endedAtMs: wholeSchema.nullable(),
  /** Whether everybody who wants to know of its end has it on the way. */
  isAnnounced: z.boolean(),
  /** Counts the writes; a write names the one it replaces. */
  version: wholeSchema,
});

export type BatchRecord = z.infer<typeof batchRecordSchema>;
export type BatchStatus = BatchRecord['status'];
export type BatchFault = BatchRecord['errors'][number];
export type OpenLine = BatchRecord['open'][number];
export type BatchStop = NonNullable<BatchRecord['stop']>;

export type NewBatch = Pick<
  BatchRecord,
  | 'tenantId'
  | 'batchId'
  | 'keyId'
  | 'keyModels'
  | 'inputFileId'
  | 'endpoint'
  | 'metadata'
  | 'linesMax'
  | 'isEncrypted'
  | 'retentionMs'
> &
  Partial<Pick<BatchRecord, 'dropName' | 'traceparent'>>;

const idForm = /^batch_[0-9a-hjkmnp-tv-z]{26}$/;

/** Whether a batch can have this id at all; another one is answered as missing. */
export function isBatchId(id: string): boolean {
  return idForm.test(id);
}

/** What a batch takes of its tenant's limits as they stand when it is made. */
export function batchTermsOf(
  limits: PlanLimits,
): Pick<BatchRecord, 'linesMax' | 'isEncrypted' | 'retentionMs'> {
  return {
    linesMax: Math.min(limits.batch_lines_max ?? batchLimits.linesMax, batchLimits.linesMax),
    isEncrypted: limits.volume === 'encrypted',
    retentionMs: retentionMsOf(limits),
  };
}

export function newBatch(asked: NewBatch, nowMs: number): BatchRecord {
  return {
    dropName: null,
    traceparent: null,
    ...asked,
    status: 'validating',
    estimate: null,
    total: 0,
    errors: [],
    repeatedPath: null,
    cursor: { number: 1, byteOffset: 0 },
    open: [],
    stop: null,
    outputs: { last: null, lines: 0 },
    faults: { last: null, lines: 0 },
    outputFileId: null,
    errorFileId: null,
    collectedAtMs: nowMs,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + batchRunLimits.windowMs,
    startedAtMs: null,
    cancelingAtMs: null,
    finalizingAtMs: null,
    endedAtMs: null,
    isAnnounced: false,
    version: 1,
  };
}

/** The trace that its lines' jobs are in: of the request that asked for it, else one that begins with the batch. */
export function traceparentOfBatch({
  batchId,
  traceparent,
}: Pick<BatchRecord, 'batchId' | 'traceparent'>): string {
  return traceparent ?? traceparentOf(new Map(), batchId);
}

const ends: readonly BatchStatus[] = ['failed', 'completed', 'expired', 'cancelled'];

/** A batch that has ended never changes again, save that its end is announced. */
export function isEnded({ status }: Pick<BatchRecord, 'status'>): boolean {
  return ends.includes(status);
}

/** Whether there is anything left to do for it. */
export function isAtWork(batch: Pick<BatchRecord, 'status' | 'isAnnounced'>): boolean {
  return !isEnded(batch) || !batch.isAnnounced;
}

/** From this instant on it answers as missing; null while it has not ended. Whole seconds, as stores expire. */
export function batchKeptUntilMs({
  endedAtMs,
  retentionMs,
}: Pick<BatchRecord, 'endedAtMs' | 'retentionMs'>): number | null {
  return endedAtMs === null ? null : Math.ceil((endedAtMs + retentionMs) / 1000) * 1000;
}

export function isBatchGone(batch: Pick<BatchRecord, 'endedAtMs' | 'retentionMs'>, nowMs: number): boolean {
  const untilMs = batchKeptUntilMs(batch);
  return untilMs !== null && nowMs >= untilMs;
}

/** The next version of the record. */
export function changed(batch: BatchRecord, change: Partial<BatchRecord>): BatchRecord {
  return { ...batch, ...change, version: batch.version + 1 };
}

/** Nothing of it was run, and nothing will be. */
export function failed(batch: BatchRecord, errors: readonly BatchFault[], nowMs: number): BatchRecord {
  return changed(batch, {
    status: 'failed',
    errors: errors.slice(0, batchRunLimits.errorsShownMax),
    cursor: null,
    endedAtMs: nowMs,
  });
}

/** Lines that have jobs go on to be canceled, the others end without one. Null where it is too late, or asked already. */
export function cancelAsked(batch: BatchRecord, nowMs: number): BatchRecord | null {
  const { status } = batch;
  if (status === 'validating')
    return changed(batch, { status: 'cancelled', cancelingAtMs: nowMs, endedAtMs: nowMs, cursor: null });
  if (status !== 'in_progress') return null;
  return changed(batch, { status: 'cancelling', cancelingAtMs: nowMs, stop: canceledStop });
}

export const canceledStop: BatchStop = {
  code: 'batch_cancelled',
  message: 'The batch was cancelled before this line ran.',
};

export const expiredStop: BatchStop = {
  code: 'batch_expired',
  message: 'The window of the batch ended before this line ran.',
};

/** Every line has its result. */
export function isWorkedOff({ status, cursor, open }: BatchRecord): boolean {
  return (status === 'in_progress' || status === 'cancelling') && cursor === null && open.length === 0;
}

/** What it ends as, once its files are there. */
export function endStatusOf({ stop }: Pick<BatchRecord, 'stop'>): 'completed' | 'cancelled' | 'expired' {
  if (stop?.code === canceledStop.code) return 'cancelled';
  return stop?.code === expiredStop.code ? 'expired' : 'completed';
}

/**
 * How many lines a batch may have open. All batches of a tenant share half of its open jobs, so that what it asks for by
 * itself always finds room; each gets an even part, and the next one only what the others have left.
 * @param others lines that the tenant's other batches have open
 */
export function openLinesMaxOf(
  openJobsMax: number,
  { batches, others }: { readonly batches: number; readonly others: number },
): number {
  const all = Math.max(1, Math.floor(openJobsMax / 2));
  const part = Math.max(1, Math.floor(all / Math.max(1, batches)));
  return Math.max(0, Math.min(part, all - others, batchRunLimits.openLinesMax));
}
