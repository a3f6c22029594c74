/**
 * The gate's arithmetic. One item per tenant holds its open reservations, window counters and fair-share tags;
 * admission checks everything and takes everything, or nothing, in one conditional write. This file says what is
 * checked and taken; an adapter turns an {@link AdmissionAsk} into its store's condition, and {@link judge} into the
 * answer to a refusal. The conformance suite holds both to the same outcome.
 *
 * Windows are counters whose name holds the window (`requests_per_minute@29384756`): no branch, no clock comparison
 * in the store, and a clock that jumps merely counts in another window.
 */
import { gateLimits } from '../limits.ts';
import type { PlanLimits } from '../tenancy/plans.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** What the gate holds, as a person or a refusal sees it. */
export interface GateView {
  readonly tenantId: string;
  readonly open: Readonly<Record<string, string>>;
  /** By full counter name, window included. */
  readonly counters: Readonly<Record<string, number>>;
  /** Finish tag by line: weighted GPU microseconds asked for so far. */
  readonly finishTags: Readonly<Record<string, number>>;
  readonly status: 'active' | 'suspended';
}

/** One bounded sum: `counters[name] + add <= max`, and it becomes that sum. */
export interface Counter {
  readonly name: string;
  readonly limit: LimitName;
  readonly add: number;
  readonly max: number;
  /** When the window ends and the counter is a fresh one. */
  readonly resetsAtMs: number;
}

export type LimitName =
  | 'requests_per_minute'
  | 'requests_per_day'
  | 'images_per_minute'
  | 'open_jobs_max'
  | 'budget_usd_micros_per_month';

export interface AdmissionAsk {
  readonly jobId: string;
  readonly token: string;
  readonly openJobsMax: number;
  readonly counters: readonly Counter[];
  /** As `lineName` names it. */
  readonly line: string;
  /** Weighted GPU microseconds, added to the line's finish tag. */
  readonly tagCost: number;
}

export interface Demand {
  readonly jobId: string;
  readonly nonce: string;
  readonly line: string;
  readonly tagCost: number;
  readonly images: number;
  readonly reservedUsdMicros: number;
}

export interface Refusal {
  readonly limit: LimitName | 'suspended';
  readonly used: number;
  readonly max: number;
  readonly retryAfterSeconds: number;
}

export type Judgement =
  | { readonly kind: 'admit' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

/** Turns a tenant's limits and one request into what the gate must check and take. */
export function planAdmission(limits: PlanLimits, demand: Demand, nowMs: number): AdmissionAsk {
  const month = monthOf(nowMs);
  const windows: [LimitName, number | undefined, number, string, number][] = [
    [
      'requests_per_minute',
      limits.requests_per_minute,
      1,
      windowOf(nowMs, minuteMs),
      windowEnd(nowMs, minuteMs),
    ],
    [
      'images_per_minute',
      limits.images_per_minute,
      demand.images,
      windowOf(nowMs, minuteMs),
      windowEnd(nowMs, minuteMs),
    ],
    ['requests_per_day', limits.requests_per_day, 1, windowOf(nowMs, dayMs), windowEnd(nowMs, dayMs)],
    [
      'budget_usd_micros_per_month',
      // Spend is counted whether or not it is bounded: usage reads it.
      limits.budget_usd_micros_per_month ?? Number.MAX_SAFE_INTEGER,
      demand.reservedUsdMicros,
      month,
      monthEnd(nowMs),
    ],
  ];
  return {
    jobId: demand.jobId,
    token: reservationToken(demand.reservedUsdMicros, nowMs, demand.nonce),
    openJobsMax: Math.min(limits.open_jobs_max, gateLimits.openJobsMax),
    counters: windows.flatMap(([limit, max, add, window, resetsAtMs]) =>
      max === undefined ? [] : [{ name: `${limit}@${window}`, limit, add, max, resetsAtMs }],
    ),
    line: demand.line,
    tagCost: demand.tagCost,
  };
}

/** What a gate in this state answers to the ask. Limits are named in the order that frees soonest. */
export function judge(gate: GateView, ask: AdmissionAsk, nowMs: number): Judgement {
  if (gate.status !== 'active') return refuse('suspended', 0, 0, 0);
  if (gate.open[ask.jobId] !== undefined) return { kind: 'duplicate' };
  for (const counter of ask.counters) {
    const used = gate.counters[counter.name] ?? 0;
    if (used + counter.add > counter.max) {
      return refuse(
        counter.limit,
        used,
        counter.max,
        Math.max(1, Math.ceil((counter.resetsAtMs - nowMs) / 1000)),
      );
    }
  }
  const open = Object.keys(gate.open).length;
  if (open >= ask.openJobsMax) {
    return refuse('open_jobs_max', open, ask.openJobsMax, gateLimits.concurrencyRetrySeconds);
  }
  return { kind: 'admit' };
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

export function reservationToken(reservedUsdMicros: number, admittedAtMs: number, nonce: string): string {
  return `${reservedUsdMicros.toString(36)}.${admittedAtMs.toString(36)}.${nonce}`;
}

/** Reads a token back; null when it is none. */
export function readToken(token: string): { reservedUsdMicros: number; admittedAtMs: number } | null {
  const match = /^([0-9a-z]+)\.([0-9a-z]+)\.[0-9a-z]+$/.exec(token);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return { reservedUsdMicros: Number.parseInt(match[1], 36), admittedAtMs: Number.parseInt(match[2], 36) };
}

/** `YYYYMM` in UTC. */
export function monthOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 7).replace('-', '');
}

/** Name of the month's spend counter. */
export function spendCounter(month: string): string {
  return `budget_usd_micros_per_month@${month}`;
}

/** True for a counter whose window ended: it can be dropped. */
export function isPastCounter(name: string, nowMs: number): boolean {
  const [limit, window] = name.split('@');
  if (limit === undefined || window === undefined) return false;
  if (limit === 'budget_usd_micros_per_month') return window < monthOf(nowMs);
  return Number(window) < Number(windowOf(nowMs, limit === 'requests_per_day' ? dayMs : minuteMs));
}

function windowOf(nowMs: number, windowMs: number): string {
  return String(Math.floor(nowMs / windowMs));
}

function windowEnd(nowMs: number, windowMs: number): number {
  return (Math.floor(nowMs / windowMs) + 1) * windowMs;
}

function monthEnd(nowMs: number): number {
  const date = new Date(nowMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

function refuse(limit: Refusal['limit'], used: number, max: number, retryAfterSeconds: number): Judgement {
  return { kind: 'refuse', refusal: { limit, used, max, retryAfterSeconds } };
}
