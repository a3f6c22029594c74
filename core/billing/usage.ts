/**
 * Usage: the ledger of some time, summed up by day, model, key or tag, and for an operator by tenant. A job belongs to
 * the day it was admitted on, as its charge belongs to that month's budget, and a refund to the day of the job it gives
 * back, so a day's figures add up to what is to be paid for it. A warm-up belongs to the day that it was asked for, to
 * its model and key, and to no tag. A share of a pool's cost belongs to the last day of its
 * month, and to no model, key or tag. What results take belongs to the time in which they take it: a job of an earlier
 * day or month counts for as long as its files were kept in the time asked for.
 */
import { jobLimits } from '../limits.ts';
import { spanOf } from './instance-bill.ts';
import type { JobEntry, LedgerEntry } from './ledger.ts';
import { isOfJob } from './ledger.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;

/** The longest from a job's admission, whose month its entry is in, to the end of its files: a day is time to run. */
const storedForMsMax = jobLimits.startWithinMsMax + dayMs + jobLimits.keptMs;

export const usageGroupings = ['day', 'model', 'key', 'tag'] as const;

/** What an operator may group by. */
export const operatorGroupings = ['tenant', ...usageGroupings] as const;

export type UsageGrouping = (typeof operatorGroupings)[number];

/** null: jobs without a tag, warm-ups, which have none, and shares, which have no model, key or tag. */
export type UsageGroup = { readonly [G in UsageGrouping]?: string | null };

export interface UsageSums {
  readonly jobs: number;
  readonly images: number;
  readonly weightedImages: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly gpuMs: number;
  /**
   * What results took in the time asked for, up to now at most. For each job it is the difference of what its files had
   * taken by the end and by the start of that time, both bytes x ms / 3,600,000 rounded down: whole numbers, which add
   * up exactly however a span is split.
   */
  readonly storageByteHours: number;
  /** What is to be paid: charges less refunds, shares, and warm-ups. */
  readonly usdMicros: number;
  /** Of that, shares of cold starts and idle time. */
  readonly sharedUsdMicros: number;
  /** Of `usdMicros`, warm-ups. */
  readonly warmupUsdMicros: number;
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
  inputTokens: 0,
  outputTokens: 0,
  gpuMs: 0,
  storageByteHours: 0,
  usdMicros: 0,
  sharedUsdMicros: 0,
  warmupUsdMicros: 0,
};

export function createUsageMeter({ groupBy, fromMs, toMs }: UsageAsk, nowMs: number): UsageMeter {
  const rows = new Map<string, UsageRow>();
  let total = nothing;

  function count(entry: LedgerEntry, atMs: number, used: UsageSums): void {
    const group = groupOf(entry, atMs, groupBy);
    const name = JSON.stringify(Object.values(group));
    rows.set(name, { group, ...plus(rows.get(name) ?? nothing, used) });
    total = plus(total, used);
  }

  return {
    add(entry) {
      // A close has written down that it asks for nothing: that makes no row.
      if (entry.kind === 'share' && entry.usdMicros === 0) return;
      const atMs = usedAtMs(entry);
      if (atMs >= fromMs && atMs < toMs) count(entry, atMs, usedBy(entry));
      if (!isOfJob(entry)) return;
      const span = { fromMs, toMs: Math.min(toMs, nowMs) };
      for (const stored of groupBy.includes('day') ? storedByDay(entry, span) : [storedIn(entry, span)]) {
        if (stored.storageByteHours > 0) count(entry, stored.atMs, { ...nothing, ...stored });
      }
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

/** Months whose ledgers tell of the time from `fromMs` up to `toMs`: files of earlier months may have been kept in it. */
export function monthsTelling(fromMs: number, toMs: number): string[] {
  return monthsBetween(Math.max(0, fromMs - storedForMsMax), toMs);
}

/** A month's share belongs to its last moment: whoever asks for the whole month finds it, and it once. */
function usedAtMs(entry: LedgerEntry): number {
  switch (entry.kind) {
    case 'share':
      return spanOf(entry.month).toMs - 1;
    case 'warmup':
      return entry.atMs;
    default:
      return entry.admittedAtMs;
  }
}

interface Span {
  readonly fromMs: number;
  /** Exclusive. */
  readonly toMs: number;
}

interface Stored {
  readonly atMs: number;
  readonly storageByteHours: number;
}

/** What the files of a job took in each day (UTC) of the span. */
function storedByDay(entry: JobEntry, span: Span): Stored[] {
  const days: Stored[] = [];
  const endMs = Math.min(span.toMs, entry.atMs + entry.retentionMs);
  for (let fromMs = Math.max(span.fromMs, entry.atMs); fromMs < endMs; ) {
    const toMs = Math.min(endMs, (Math.floor(fromMs / dayMs) + 1) * dayMs);
    days.push(storedIn(entry, { fromMs, toMs }));
    fromMs = toMs;
  }
  return days;
}

function storedIn(entry: JobEntry, { fromMs, toMs }: Span): Stored {
  const storageByteHours = Math.max(0, takenBy(entry, toMs) - takenBy(entry, fromMs));
  return { atMs: fromMs, storageByteHours };
}

/** Byte-hours that the files of a job had taken by an instant; in two parts, since bytes x ms passes what is exact. */
function takenBy({ bytesStored, atMs, retentionMs }: JobEntry, instantMs: number): number {
  const keptMs = Math.max(0, Math.min(instantMs - atMs, retentionMs));
  return bytesStored * Math.floor(keptMs / hourMs) + Math.floor((bytesStored * (keptMs % hourMs)) / hourMs);
}

function usedBy(entry: LedgerEntry): UsageSums {
  if (entry.kind === 'share') {
    return { ...nothing, usdMicros: entry.usdMicros, sharedUsdMicros: entry.usdMicros };
  }
  if (entry.kind === 'warmup') {
    return { ...nothing, usdMicros: entry.usdMicros, warmupUsdMicros: entry.usdMicros };
  }
  return {
    ...nothing,
    jobs: entry.kind === 'charge' ? 1 : 0,
    images: entry.images,
    weightedImages: entry.weightedImages,
    inputTokens: entry.inputTokens,
    outputTokens: entry.outputTokens,
    gpuMs: entry.gpuMs,
    usdMicros: entry.usdMicros,
  };
}

function groupOf(entry: LedgerEntry, atMs: number, groupBy: readonly UsageGrouping[]): UsageGroup {
  const asked = entry.kind === 'share' ? null : entry;
  const columns: Record<UsageGrouping, string | null> = {
    tenant: entry.tenantId,
    day: new Date(atMs).toISOString().slice(0, 10),
    model: asked?.model ?? null,
    key: asked?.keyId ?? null,
    tag: isOfJob(entry) ? entry.tag : null,
  };
  return Object.fromEntries(groupBy.map((grouping) => [grouping, columns[grouping]]));
}

function plus(left: UsageSums, right: UsageSums): UsageSums {
  return {
    jobs: left.jobs + right.jobs,
    images: left.images + right.images,
    weightedImages: left.weightedImages + right.weightedImages,
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    gpuMs: left.gpuMs + right.gpuMs,
    storageByteHours: left.storageByteHours + right.storageByteHours,
    usdMicros: left.usdMicros + right.usdMicros,
    sharedUsdMicros: left.sharedUsdMicros + right.sharedUsdMicros,
    warmupUsdMicros: left.warmupUsdMicros + right.warmupUsdMicros,
  };
}

function compare(left: UsageRow, right: UsageRow, groupBy: readonly UsageGrouping[]): number {
  for (const grouping of groupBy) {
    const [a, b] = [left.group[grouping] ?? '', right.group[grouping] ?? ''];
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}
