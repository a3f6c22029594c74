/**
 * Usage: the ledger of some time, summed up by day, model, key or tag, and for an operator by tenant. A job belongs to
 * the day it was admitted on, as its charge belongs to that month's budget, and a refund to the day of the job it gives
 * back, so a day's figures add up to what is to be paid for it. A share of a pool's cost belongs to the last day of its
 * month, and to no model, key or tag.
 */
import { jobLimits } from '../limits.ts';
import { spanOf } from './instance-bill.ts';
import type { LedgerEntry } from './ledger.ts';

const hourMs = 60 * 60 * 1000;

export const usageGroupings = ['day', 'model', 'key', 'tag'] as const;

/** What an operator may group by. */
export const operatorGroupings = ['tenant', ...usageGroupings] as const;

export type UsageGrouping = (typeof operatorGroupings)[number];

/** null: jobs without a tag, and shares, which have no model, key or tag. */
export type UsageGroup = { readonly [G in UsageGrouping]?: string | null };

export interface UsageSums {
  readonly jobs: number;
  readonly images: number;
  readonly weightedImages: number;
  readonly gpuMs: number;
  /** What results have taken up until now or until they went; whole, rounded down per job. */
  readonly storageByteHours: number;
  /** What is to be paid: charges less refunds, and shares. */
  readonly usdMicros: number;
  /** Of that, shares of cold starts and idle time. */
  readonly sharedUsdMicros: number;
}

export interface UsageRow extends UsageSums {
  readonly group: UsageGroup;
}

export interface UsageReport {
  /** By the columns of the group, in their order; no empty rows. */
  readonly rows: readonly UsageRow[];
  readonly total: UsageSums;
}

export interface UsageAsk {
  readonly groupBy: readonly UsageGrouping[];
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

/** Takes entries in any order, each once; those outside the time asked for are passed over. */
export interface UsageMeter {
  add(entry: LedgerEntry): void;
  /** Rows so far: grows with what a tenant chose to tell apart, so the reader bounds it. */
  rows(): number;
  report(): UsageReport;
}

const nothing: UsageSums = {
  jobs: 0,
  images: 0,
  weightedImages: 0,
  gpuMs: 0,
  storageByteHours: 0,
  usdMicros: 0,
  sharedUsdMicros: 0,
};

export function createUsageMeter({ groupBy, fromMs, toMs }: UsageAsk, nowMs: number): UsageMeter {
  const rows = new Map<string, UsageRow>();
  let total = nothing;
  return {
    add(entry) {
      const atMs = usedAtMs(entry);
      if (atMs < fromMs || atMs >= toMs) return;
      const used = usedBy(entry, nowMs);
      const group = groupOf(entry, groupBy);
      const name = JSON.stringify(Object.values(group));
      rows.set(name, { group, ...plus(rows.get(name) ?? nothing, used) });
      total = plus(total, used);
    },
    rows: () => rows.size,
    report: () => ({
      rows: [...rows.values()].toSorted((left, right) => compare(left, right, groupBy)),
      total,
    }),
  };
}

/** Months in UTC, `YYYYMM`, that hold some of the time from `fromMs` up to `toMs`. */
export function monthsBetween(fromMs: number, toMs: number): string[] {
  const [first, last] = [new Date(fromMs), new Date(toMs - 1)];
  const [from, to] = [first, last].map((date) => date.getUTCFullYear() * 12 + date.getUTCMonth());
  const months: string[] = [];
  for (let month = from ?? 0; month <= (to ?? -1); month += 1) {
    months.push(`${Math.floor(month / 12)}${String((month % 12) + 1).padStart(2, '0')}`);
  }
  return months;
}

/** A month's share belongs to its last moment: whoever asks for the whole month finds it, and it once. */
function usedAtMs(entry: LedgerEntry): number {
  return entry.kind === 'share' ? spanOf(entry.month).toMs - 1 : entry.admittedAtMs;
}

function usedBy(entry: LedgerEntry, nowMs: number): UsageSums {
  if (entry.kind === 'share') {
    return { ...nothing, usdMicros: entry.usdMicros, sharedUsdMicros: entry.usdMicros };
  }
  const keptMs = Math.max(0, Math.min(nowMs - entry.atMs, jobLimits.keptMs));
  return {
    jobs: entry.kind === 'charge' ? 1 : 0,
    images: entry.images,
    weightedImages: entry.weightedImages,
    gpuMs: entry.gpuMs,
    storageByteHours: Math.floor((entry.bytesStored * keptMs) / hourMs),
    usdMicros: entry.usdMicros,
    sharedUsdMicros: 0,
  };
}

function groupOf(entry: LedgerEntry, groupBy: readonly UsageGrouping[]): UsageGroup {
  const job = entry.kind === 'share' ? null : entry;
  const columns: Record<UsageGrouping, string | null> = {
    tenant: entry.tenantId,
    day: new Date(usedAtMs(entry)).toISOString().slice(0, 10),
    model: job?.model ?? null,
    key: job?.keyId ?? null,
    tag: job?.tag ?? null,
  };
  return Object.fromEntries(groupBy.map((grouping) => [grouping, columns[grouping]]));
}

function plus(left: UsageSums, right: UsageSums): UsageSums {
  return {
    jobs: left.jobs + right.jobs,
    images: left.images + right.images,
    weightedImages: left.weightedImages + right.weightedImages,
    gpuMs: left.gpuMs + right.gpuMs,
    storageByteHours: left.storageByteHours + right.storageByteHours,
    usdMicros: left.usdMicros + right.usdMicros,
    sharedUsdMicros: left.sharedUsdMicros + right.sharedUsdMicros,
  };
}

function compare(left: UsageRow, right: UsageRow, groupBy: readonly UsageGrouping[]): number {
  for (const grouping of groupBy) {
    const [a, b] = [left.group[grouping] ?? '', right.group[grouping] ?? ''];
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}
