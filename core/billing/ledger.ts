/** The ledger: append-only entries, one per job, in whole micro-USD and milliseconds. */
import * as z from 'zod';
import { monthOf } from '../admission/gate.ts';
import type { JobRecord } from '../job/job.ts';

const wholeSchema = z.int().nonnegative();

export const ledgerEntrySchema = z.object({
  tenantId: z.string(),
  /** Month of admission, `YYYYMM`: the month whose budget the job was taken from. */
  month: z.string(),
  jobId: z.string(),
  keyId: z.string(),
  model: z.string(),
  outcome: z.enum(['succeeded', 'failed', 'canceled', 'expired']),
  gpuMs: wholeSchema,
  images: wholeSchema,
  weightedImages: z.number().nonnegative(),
  usdMicros: wholeSchema,
  /** What admission had set aside; the difference went back. */
  reservedUsdMicros: wholeSchema,
  atMs: wholeSchema,
});

export type LedgerEntry = z.infer<typeof ledgerEntrySchema>;

/** The entry of a terminal job. A function of the record alone, so that writing it twice writes the same. */
export function ledgerEntryOf(job: JobRecord): LedgerEntry {
  if (job.status === 'queued' || job.status === 'running') {
    throw new Error(`job ${job.jobId} is ${job.status}: only a terminal job has a ledger entry`);
  }
  return {
    tenantId: job.tenantId,
    month: monthOf(job.createdAtMs),
    jobId: job.jobId,
    keyId: job.keyId,
    model: job.model,
    outcome: job.status,
    gpuMs: job.usage?.gpuMs ?? 0,
    images: job.usage?.images ?? 0,
    weightedImages: job.usage?.weightedImages ?? 0,
    usdMicros: job.costUsdMicros ?? 0,
    reservedUsdMicros: job.reservedUsdMicros,
    atMs: job.finishedAtMs ?? job.createdAtMs,
  };
}
