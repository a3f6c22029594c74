/**
 * The ledger: append-only entries in whole micro-USD, milliseconds and bytes. A job has one charge; an operator may
 * give back up to that much, once, by a refund: an entry of its own with the amount below zero. Where tenants pay what
 * a pool cost (`pricing` is `at_cost`), the close of a month adds one share a tenant and pool. A tenant that asks for a
 * worker ahead of its work pays for the time by an entry of its own. So the sum of all entries is the balance, always,
 * and nothing that was written ever changes.
 */
import * as z from 'zod';
import { monthOf } from '../admission/windows.ts';
import type { JobRecord } from '../job/job.ts';
import { jobClasses } from '../job/job.ts';
import { jobLimits } from '../limits.ts';

const wholeSchema = z.int().nonnegative();

export const jobEntryKinds = ['charge', 'refund'] as const;

const jobEntrySchema = z.object({
  tenantId: z.string(),
  /** Month of admission, `YYYYMM`: the month whose budget the job was taken from. */
  month: z.string(),
  jobId: z.string(),
  kind: z.enum(jobEntryKinds),
  keyId: z.string(),
  model: z.string(),
  /** Where it ran or would have; null in an entry from before pools were noted. */
  pool: z.string().nullable(),
  /** Whose GPU time it was; null for a job that never ran, or whose worker is not known. */
  workerId: z.string().nullable(),
  class: z.enum(jobClasses),
  outcome: z.enum(['succeeded', 'failed', 'canceled', 'expired']),
  /** The job's `metadata.tag`: what a tenant splits its own costs by. */
  tag: z.string().nullable(),
  gpuMs: wholeSchema,
  images: wholeSchema,
  weightedImages: z.number().nonnegative(),
  inputTokens: wholeSchema,
  outputTokens: wholeSchema,
  bytesStored: wholeSchema,
  /** How long those bytes are kept from `atMs` of the charge on. */
  retentionMs: wholeSchema,
  /** Below zero for a refund. */
  usdMicros: z.int(),
  /** What `usdMicros` is made of: only parts that have a price. */
  parts: z.object({ compute: z.int() }),
  /** What admission had set aside; the difference went back. */
  reservedUsdMicros: wholeSchema,
  /** When the job was admitted: the day that its usage belongs to. */
  admittedAtMs: wholeSchema,
  /** When the entry came to be: the end of the job, or its refund. */
  atMs: wholeSchema,
  /** Of a refund: why it was given, and which of several tries at once gave it. */
  refund: z.object({ reason: z.string(), token: z.string() }).optional(),
});

const shareEntrySchema = z.object({
  tenantId: z.string(),
  /** The month whose bill is shared, `YYYYMM`. */
  month: z.string(),
  kind: z.literal('share'),
  pool: z.string(),
  /** The tenant's GPU time in the pool that month: what its share was measured by. */
  servedGpuMs: wholeSchema,
  usdMicros: wholeSchema,
  parts: z.object({ coldStart: wholeSchema, idle: wholeSchema }),
  /** When the month was closed. */
  atMs: wholeSchema,
});

export const warmupOutcomes = ['kept', 'not_kept'] as const;

/** Decides once whether a warm-up is charged for, and what. */
const warmupEntrySchema = z.object({
  tenantId: z.string(),
  /** Month that it was asked for in, `YYYYMM`: the month whose budget it was taken from. */
  month: z.string(),
  kind: z.literal('warmup'),
  warmupId: z.string(),
  keyId: z.string(),
  model: z.string(),
  pool: z.string(),
  /** `not_kept`: a try that the pool could not take, or that was over before it came to be; costs nothing. */
  outcome: z.enum(warmupOutcomes),
  /** The time that was paid for: from the end of the tenant's warm-up before it, where that stood. */
  fromMs: wholeSchema,
  untilMs: wholeSchema,
  usdMicros: wholeSchema,
  /** Of the request, where it had an Idempotency-Key. */
  fingerprint: z.string().nullable(),
  /** Tells which of several tries at once it came from. */
  token: z.string(),
  /** When it was asked for: the day that its cost belongs to. */
  atMs: wholeSchema,
});

/** A charge or a refund. */
export type JobEntry = z.infer<typeof jobEntrySchema>;
/** A tenant's part of what a pool cost in a month beyond the jobs it charged. */
export type ShareEntry = z.infer<typeof shareEntrySchema>;
/** What a tenant paid for a worker that was kept up for it. */
export type WarmupEntry = z.infer<typeof warmupEntrySchema>;
export type LedgerEntry = JobEntry | ShareEntry | WarmupEntry;

const entrySchema: z.ZodType<LedgerEntry> = z.discriminatedUnion('kind', [
  jobEntrySchema
    .refine(({ kind, usdMicros }) => (kind === 'charge' ? usdMicros >= 0 : usdMicros <= 0), {
      message: 'a charge is never below zero and a refund never above',
    })
    .refine(({ usdMicros, parts }) => parts.compute === usdMicros, { message: 'parts add up to the whole' }),
  shareEntrySchema.refine(({ usdMicros, parts }) => parts.coldStart + parts.idle === usdMicros, {
    message: 'parts add up to the whole',
  }),
  warmupEntrySchema.refine(({ outcome, usdMicros }) => outcome === 'kept' || usdMicros === 0, {
    message: 'what was not kept costs nothing',
  }),
]);

export const ledgerEntrySchema: z.ZodType<LedgerEntry> = z.preprocess(withNewFields, entrySchema);

/** Entries outlive the programs that write them: what an earlier one left out is filled in as it was meant. */
function withNewFields(stored: unknown): unknown {
  if (typeof stored !== 'object' || stored === null) return stored;
  const { usdMicros, atMs }: { usdMicros?: unknown; atMs?: unknown } = stored;
  const unknown = { pool: null, workerId: null, tag: null };
  const unmetered = { inputTokens: 0, outputTokens: 0 };
  const kept = { bytesStored: 0, retentionMs: jobLimits.keptMs };
  const meant = { kind: 'charge', class: 'interactive', ...kept, ...unmetered, admittedAtMs: atMs };
  return { ...unknown, ...meant, parts: { compute: usdMicros }, ...stored };
}

/** The charge of a terminal job. A function of the record alone, so that writing it twice writes the same. */
export function ledgerEntryOf(job: JobRecord): JobEntry {
  if (job.status === 'queued' || job.status === 'running') {
    throw new Error(`job ${job.jobId} is ${job.status}: only a terminal job has a ledger entry`);
  }
  const usdMicros = job.costUsdMicros ?? 0;
  return {
    tenantId: job.tenantId,
    month: monthOf(job.createdAtMs),
    jobId: job.jobId,
    kind: 'charge',
    keyId: job.keyId,
    model: job.model,
    pool: job.pool,
    workerId: job.receipt?.workerId ?? null,
    class: job.class,
    outcome: job.status,
    tag: job.metadata.tag ?? null,
    gpuMs: job.usage?.gpuMs ?? 0,
    images: job.usage?.images ?? 0,
    weightedImages: job.usage?.weightedImages ?? 0,
    inputTokens: job.usage?.inputTokens ?? 0,
    outputTokens: job.usage?.outputTokens ?? 0,
    // The files of a cached result belong to the job that made them, and were counted with it.
    bytesStored:
      job.receipt?.cachedFrom === undefined ? job.outputs.reduce((sum, { bytes }) => sum + bytes, 0) : 0,
    retentionMs: job.retentionMs,
    usdMicros,
    parts: { compute: usdMicros },
    reservedUsdMicros: job.reservedUsdMicros,
    admittedAtMs: job.createdAtMs,
    atMs: job.finishedAtMs ?? job.createdAtMs,
  };
}

/** The entry that gives back `usdMicros` of a charge; the usage itself stays with the charge. */
export function refundEntryOf(
  charge: JobEntry,
  usdMicros: number,
  nowMs: number,
  refund: JobEntry['refund'] = undefined,
): JobEntry {
  if (charge.kind !== 'charge' || usdMicros < 0 || usdMicros > charge.usdMicros) {
    throw new Error(`${usdMicros} micro-USD cannot be given back of the ${charge.kind} of ${charge.jobId}`);
  }
  // Not -0, which a store would hand back as another number.
  const given = usdMicros === 0 ? 0 : -usdMicros;
  return {
    ...charge,
    kind: 'refund',
    gpuMs: 0,
    images: 0,
    weightedImages: 0,
    inputTokens: 0,
    outputTokens: 0,
    bytesStored: 0,
    usdMicros: given,
    parts: { compute: given },
    reservedUsdMicros: 0,
    atMs: nowMs,
    ...(refund === undefined ? {} : { refund }),
  };
}

/** True for a charge or a refund. */
export function isOfJob(entry: LedgerEntry): entry is JobEntry {
  return entry.kind === 'charge' || entry.kind === 'refund';
}

/** What is to be paid: charges less refunds, shares, and warm-ups. */
export function balanceOf(entries: readonly LedgerEntry[]): number {
  return entries.reduce((sum, { usdMicros }) => sum + usdMicros, 0);
}
