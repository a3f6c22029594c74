/** Entries of the ledger as an operator sees them, and the refund that makes one. */
import * as z from 'zod';
import { monthOf } from '../admission/windows.ts';
import type { LedgerEntry } from '../billing/ledger.ts';
import { ledgerKinds } from '../billing/ledger.ts';
import { jobClasses } from '../job/job.ts';
import { refundLimits } from '../limits.ts';

const timeSchema = z.iso.datetime();
const countSchema = z.int().nonnegative();

export const refundRequestSchema = z
  .strictObject({
    usd_micros: z
      .int()
      .min(1)
      .optional()
      .meta({ description: 'Micro-USD to give back, at most the charge; absent: all of it' }),
    reason: z.string().trim().min(1).max(refundLimits.reasonCharactersMax),
  })
  .meta({ id: 'RefundRequest' });

export const ledgerEntrySchema = z
  .strictObject({
    object: z.literal('ledger_entry'),
    kind: z.enum(ledgerKinds),
    tenant: z.string(),
    month: z.string().meta({ description: 'YYYY-MM in UTC: the month whose budget the job was taken from' }),
    job: z.string(),
    key: z.string(),
    model: z.string(),
    class: z.enum(jobClasses),
    outcome: z.enum(['succeeded', 'failed', 'canceled', 'expired']),
    tag: z.string().nullable(),
    gpu_ms: countSchema,
    images: countSchema,
    weighted_images: z.number().nonnegative(),
    bytes_stored: countSchema,
    usd_micros: z.int().meta({ description: 'Below zero for a refund' }),
    reason: z.string().nullable().meta({ description: 'Of a refund' }),
    admitted_at: timeSchema,
    at: timeSchema.meta({ description: 'The end of the job, or its refund' }),
  })
  .meta({ id: 'LedgerEntry' });

export type LedgerEntryResource = z.infer<typeof ledgerEntrySchema>;

export const ledgerQuerySchema = z.strictObject({
  month: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month such as 2030-03')
    .optional()
    .meta({ description: 'YYYY-MM in UTC; else this month' }),
  cursor: z.string().max(2048).optional().meta({ description: '`next_cursor` of the page before' }),
});

/** `YYYYMM`, as the ledger has it. */
export function ledgerMonth(month: string | undefined, nowMs: number): string {
  return month === undefined ? monthOf(nowMs) : month.replace('-', '');
}

export function presentLedgerEntry(entry: LedgerEntry): LedgerEntryResource {
  return {
    object: 'ledger_entry',
    kind: entry.kind,
    tenant: entry.tenantId,
    month: `${entry.month.slice(0, 4)}-${entry.month.slice(4)}`,
    job: entry.jobId,
    key: entry.keyId,
    model: entry.model,
    class: entry.class,
    outcome: entry.outcome,
    tag: entry.tag,
    gpu_ms: entry.gpuMs,
    images: entry.images,
    weighted_images: entry.weightedImages,
    bytes_stored: entry.bytesStored,
    usd_micros: entry.usdMicros,
    reason: entry.refund?.reason ?? null,
    admitted_at: timeOf(entry.admittedAtMs),
    at: timeOf(entry.atMs),
  };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
