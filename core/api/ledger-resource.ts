/** Entries of the ledger as an operator sees them, and the refund that makes one. */
import * as z from 'zod';
import { monthOf } from '../admission/windows.ts';
import type { JobEntry, LedgerEntry, ShareEntry, WarmupEntry } from '../billing/ledger.ts';
import { jobEntryKinds, warmupOutcomes } from '../billing/ledger.ts';
import { jobClasses } from '../job/job.ts';
import { refundLimits } from '../limits.ts';
import { cursorSchema } from './cursor.ts';

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
    kind: z.enum([...jobEntryKinds, 'share', 'warmup']).meta({
      description:
        'share: part of what a pool cost in a month; warmup: a worker kept up ahead of work; fields of a job are then null',
    }),
    tenant: z.string(),
    month: z.string().meta({ description: 'YYYY-MM in UTC: the month whose budget the job was taken from' }),
    pool: z.string().nullable(),
    job: z.string().nullable(),
    warmup: z
      .strictObject({ id: z.string(), from: timeSchema, until: timeSchema })
      .nullable()
      .meta({ description: 'And the time that it paid for' }),
    key: z.string().nullable(),
    model: z.string().nullable(),
    class: z.enum(jobClasses).nullable(),
    outcome: z
      .enum(['succeeded', 'failed', 'canceled', 'expired', ...warmupOutcomes])
      .nullable()
      .meta({ description: 'not_kept: the pool could not take the warm-up, which costs nothing' }),
    tag: z.string().nullable(),
    gpu_ms: countSchema,
    images: countSchema,
    weighted_images: z.number().nonnegative(),
    input_tokens: countSchema,
    output_tokens: countSchema,
    bytes_stored: countSchema,
    usd_micros: z.int().meta({ description: 'Below zero for a refund' }),
    reason: z.string().nullable().meta({ description: 'Of a refund' }),
    admitted_at: timeSchema.nullable(),
    at: timeSchema.meta({
      description: 'The end of the job, its refund, the ask for a warm-up, or the close of the month',
    }),
  })
  .meta({ id: 'LedgerEntry' });

export type LedgerEntryResource = z.infer<typeof ledgerEntrySchema>;

export const ledgerQuerySchema = z.strictObject({
  month: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month such as 2030-03')
    .optional()
    .meta({ description: 'YYYY-MM in UTC; else this month' }),
  cursor: cursorSchema,
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
    pool: entry.pool,
    ...fieldsOf(entry),
    usd_micros: entry.usdMicros,
    at: timeOf(entry.atMs),
  };
}

function fieldsOf(entry: LedgerEntry) {
  switch (entry.kind) {
    case 'share':
      return shareFields(entry);
    case 'warmup':
      return warmupFields(entry);
    default:
      return jobFields(entry);
  }
}

function jobFields(entry: JobEntry) {
  return {
    warmup: null,
    job: entry.jobId,
    key: entry.keyId,
    model: entry.model,
    class: entry.class,
    outcome: entry.outcome,
    tag: entry.tag,
    gpu_ms: entry.gpuMs,
    images: entry.images,
    weighted_images: entry.weightedImages,
    input_tokens: entry.inputTokens,
    output_tokens: entry.outputTokens,
    bytes_stored: entry.bytesStored,
    reason: entry.refund?.reason ?? null,
    admitted_at: timeOf(entry.admittedAtMs),
  };
}

const noJob = {
  job: null,
  warmup: null,
  key: null,
  model: null,
  class: null,
  outcome: null,
  tag: null,
  gpu_ms: 0,
  images: 0,
  weighted_images: 0,
  input_tokens: 0,
  output_tokens: 0,
  bytes_stored: 0,
  reason: null,
  admitted_at: null,
} as const;

function shareFields({ servedGpuMs }: ShareEntry) {
  return { ...noJob, gpu_ms: servedGpuMs };
}

function warmupFields({ warmupId, fromMs, untilMs, keyId, model, outcome }: WarmupEntry) {
  const warmup = { id: warmupId, from: timeOf(fromMs), until: timeOf(untilMs) };
  return { ...noJob, warmup, key: keyId, model, outcome };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
