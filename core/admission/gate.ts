/**
 * The gate's arithmetic. One item per tenant holds its open reservations, window counters and fair-share tags;
 * admission checks everything and takes everything, or nothing, in one conditional write. This file says what is
 * checked and taken; an adapter turns an {@link AdmissionAsk} into its store's condition, and {@link judge} into the
 * answer to a refusal. The conformance suite holds both to the same outcome. `windows.ts` says what a window is.
 */
import { gateLimits } from '../limits.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { reservationToken } from './reservation.ts';
import type { StoredBytes } from './stored-bytes.ts';
import { bytesOfGb, clearsAtMs, dayOf, gbOfBytes, keptBytes } from './stored-bytes.ts';
import type { Window } from './windows.ts';
import { burstWindow, dayWindow, minuteWindow, monthWindow } from './windows.ts';

/** What the gate holds, as a person or a refusal sees it. */
export interface GateView {
  readonly tenantId: string;
  readonly open: Readonly<Record<string, string>>;
  /** By full counter name, window included. */
  readonly counters: Readonly<Record<string, number>>;
  /** Finish tag by line: weighted GPU microseconds asked for so far. */
  readonly finishTags: Readonly<Record<string, number>>;
  /** Ended buckets may be among them. */
  readonly stored: StoredBytes;
  readonly status: 'active' | 'suspended';
}

/** One bounded sum: `counters[name] + add <= max`, and it becomes that sum. */
export interface Counter {
  readonly name: string;
  readonly limit: LimitName;
  readonly add: number;
  readonly max: number;
  readonly windowMs: number;
  /** When the window ends and the counter is a fresh one. */
  readonly resetsAtMs: number;
}

export type LimitName =
  | 'requests_per_second'
  | 'requests_per_minute'
  | 'images_per_minute'
  | 'tokens_per_minute'
  | 'requests_per_day'
  /** Counted in milliseconds; see {@link inLimitUnit}. */
  | 'gpu_seconds_per_month'
  | 'budget_usd_micros_per_month'
  | 'warmup_usd_micros_per_day'
  | 'open_jobs_max'
  /** Counted in bytes; see {@link inLimitUnit}. */
  | 'storage_gb_max';

export interface AdmissionAsk {
  readonly jobId: string;
  readonly token: string;
  readonly openJobsMax: number;
  readonly counters: readonly Counter[];
  /** Null: whatever is stored has no part in it. */
  readonly storage: StorageAsk | null;
  /** As `lineName` names it. */
  readonly line: string;
  /** Weighted GPU microseconds, added to the line's finish tag. */
  readonly tagCost: number;
}

/** What the tenant keeps on this day must be below `bytesMax`; nothing is taken of it before the job has ended. */
export interface StorageAsk {
  readonly bytesMax: number;
  /** As `dayOf` counts them. */
  readonly day: number;
}

export interface Demand {
  readonly jobId: string;
  readonly nonce: string;
  readonly line: string;
  readonly tagCost: number;
  /** Images by resolution weight, as price and ledger count them (1024 x 1024 is 4), rounded up for the request. */
  readonly images: number;
  /** As `askedTokens` counts them. */
  readonly tokens: number;
  /** False for a job whose result is stored already. */
  readonly storesFiles: boolean;
  /** Predicted. */
  readonly gpuMs: number;
  readonly reservedUsdMicros: number;
}

export interface Refusal {
  readonly limit: LimitName | 'suspended';
  readonly used: number;
  readonly max: number;
  /**
   * null: there is no time to come back at. Not even an empty window has room for this request, or what is kept stays until
   * it is removed.
   */
  readonly retryAfterSeconds: number | null;
}

export type Judgement =
  | { readonly kind: 'admit' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

/** Turns a tenant's limits and one request into what the gate must check and take. */
export function planAdmission(limits: PlanLimits, demand: Demand, nowMs: number): AdmissionAsk {
  const { jobId, nonce, line, tagCost, gpuMs, reservedUsdMicros: usdMicros } = demand;
  const { storage_gb_max: storageGb } = limits;
  const isBound = storageGb !== undefined && demand.storesFiles;
  return {
    jobId,
    token: reservationToken({ usdMicros, gpuMs, admittedAtMs: nowMs }, nonce),
    openJobsMax: Math.min(limits.open_jobs_max, gateLimits.openJobsMax),
    counters: [...rates(limits, demand, nowMs), ...months(limits, demand, nowMs)],
    storage: isBound ? { bytesMax: bytesOfGb(storageGb), day: dayOf(nowMs) } : null,
    line,
    tagCost,
  };
}

/** Limits of requests, images and tokens: counted only where the plan names them. */
function rates(limits: PlanLimits, { images, tokens }: Demand, nowMs: number): Counter[] {
  const minute = minuteWindow(nowMs);
  const counters: Counter[] = [];
  const count = (limit: LimitName, max: number | undefined, add: number, window: Window) => {
    if (max !== undefined) counters.push(counterOf(limit, max, add, window));
  };
  if (limits.requests_per_second !== undefined) {
    const burst = limits.requests_burst ?? limits.requests_per_second;
    count('requests_per_second', burst, 1, burstWindow(nowMs, limits.requests_per_second, burst));
  }
  count('requests_per_minute', limits.requests_per_minute, 1, minute);
  count('images_per_minute', limits.images_per_minute, images, minute);
  count('tokens_per_minute', limits.tokens_per_minute, tokens, minute);
  count('requests_per_day', limits.requests_per_day, 1, dayWindow(nowMs));
  return counters;
}

/** GPU time and money: counted bounded or not, so that a limit set in mid-month finds the whole month. */
function months(limits: PlanLimits, { gpuMs, reservedUsdMicros }: Demand, nowMs: number): Counter[] {
  const month = monthWindow(nowMs);
  const { gpu_seconds_per_month: gpuSeconds, budget_usd_micros_per_month: budget } = limits;
  const gpuMsMax = gpuSeconds === undefined ? unbounded : gpuSeconds * 1000;
  const gpu = counterOf('gpu_seconds_per_month', gpuMsMax, gpuMs, month);
  const spend = counterOf('budget_usd_micros_per_month', budget ?? unbounded, reservedUsdMicros, month);
  return gpuSeconds === undefined && gpuMs === 0 ? [spend] : [gpu, spend];
}

/** The `max` of a counter that only counts, and refuses nothing. */
export const unbounded = Number.MAX_SAFE_INTEGER;

/** A bounded sum over one window, under the name that the gate has it by. */
export function counterOf(limit: LimitName, max: number, add: number, window: Window): Counter {
  const { name, lengthMs, endsAtMs } = window;
  return { name: `${limit}@${name}`, limit, add, max, windowMs: lengthMs, resetsAtMs: endsAtMs };
}

/** An amount of a limit in the unit that its name says: whole, and rounded up, or GB as they are. */
export function inLimitUnit(limit: string, amount: number): number {
  if (limit === 'storage_gb_max') return gbOfBytes(amount);
  return limit === 'gpu_seconds_per_month' ? Math.ceil(amount / 1000) : amount;
}

/** A counter that this request fits into at no time, or undefined. */
export function neverFits({ counters }: AdmissionAsk): Counter | undefined {
  return counters.find(({ add, max }) => add > max);
}

/**
 * What a gate in this state answers to the ask. Of several limits without room that clear at a known time the one that
 * clears last is named: who comes back when it says so is not refused by the next.
 */
export function judge(gate: GateView, ask: AdmissionAsk, nowMs: number): Judgement {
  if (gate.status !== 'active') return refuse('suspended', 0, 0, 0);
  if (gate.open[ask.jobId] !== undefined) return { kind: 'duplicate' };
  const hopeless = neverFits(ask);
  if (hopeless !== undefined) return refuse(hopeless.limit, usedOf(gate, hopeless), hopeless.max, null);
  const full = [...fullWindows(gate, ask), ...fullStorage(gate, ask, nowMs)];
  const [last] = full.toSorted((left, right) => right.clearsAtMs - left.clearsAtMs);
  if (last !== undefined) {
    return refuse(last.limit, last.used, last.max, waitSecondsUntil(last.clearsAtMs, nowMs));
  }
  const open = Object.keys(gate.open).length;
  if (open >= ask.openJobsMax) {
    return refuse('open_jobs_max', open, ask.openJobsMax, gateLimits.concurrencyRetrySeconds);
  }
  return { kind: 'admit' };
}

/** Null for a time that does not come. */
export function waitSecondsUntil(clearsAtMs: number, nowMs: number): number | null {
  return Number.isFinite(clearsAtMs) ? Math.max(1, Math.ceil((clearsAtMs - nowMs) / 1000)) : null;
}

interface Full {
  readonly limit: LimitName;
  readonly used: number;
  readonly max: number;
  readonly clearsAtMs: number;
}

function fullWindows(gate: GateView, { counters }: AdmissionAsk): Full[] {
  return counters.flatMap((counter) => {
    const { limit, add, max, resetsAtMs: clearsAtMs } = counter;
    const used = usedOf(gate, counter);
    return max < unbounded && used + add > max ? [{ limit, used, max, clearsAtMs }] : [];
  });
}

function usedOf({ counters }: GateView, { name }: Counter): number {
  return counters[name] ?? 0;
}

function fullStorage({ stored }: GateView, { storage }: AdmissionAsk, nowMs: number): Full[] {
  if (storage === null) return [];
  const { bytesMax: max } = storage;
  const atMs = clearsAtMs(stored, max, nowMs);
  if (atMs === null) return [];
  return [{ limit: 'storage_gb_max', used: keptBytes(stored, nowMs), max, clearsAtMs: atMs }];
}

/** The gate after the ask was admitted. */
export function take(gate: GateView, ask: AdmissionAsk): GateView {
  const counters = { ...gate.counters };
  for (const { name, add } of ask.counters) counters[name] = (counters[name] ?? 0) + add;
  return {
    ...gate,
    open: { ...gate.open, [ask.jobId]: ask.token },
    counters,
    finishTags: { ...gate.finishTags, [ask.line]: (gate.finishTags[ask.line] ?? 0) + ask.tagCost },
  };
}

function refuse(
  limit: Refusal['limit'],
  used: number,
  max: number,
  retryAfterSeconds: number | null,
): Judgement {
  return { kind: 'refuse', refusal: { limit, used, max, retryAfterSeconds } };
}
