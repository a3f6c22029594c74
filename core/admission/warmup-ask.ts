/** What admission asks of the gate for a warm-up: a request of the tenant's, and money of the day and of the month. */
import type { PlanLimits } from '../tenancy/plans.ts';
import type { AdmissionAsk, Counter } from './gate.ts';
import { counterOf, planAdmission, unbounded } from './gate.ts';
import { dayWindow } from './windows.ts';

export interface WarmupDemand {
  /** Of the note that stands in the gate while the warm-up comes to be. */
  readonly name: string;
  /** The note's text. */
  readonly text: string;
  /** A line of the pool; a warm-up stands in none, so nothing is added to its tag. */
  readonly line: string;
  readonly usdMicros: number;
}

/**
 * It is not held to the limit of open jobs: the note stands for no longer than the few writes that it takes, and there
 * is one at most for a tenant and pool.
 */
export function planWarmup(limits: PlanLimits, demand: WarmupDemand, nowMs: number): AdmissionAsk {
  const { name, text, line, usdMicros } = demand;
  const nothing = { nonce: '0', tagCost: 0, images: 0, tokens: 0, storesFiles: false, gpuMs: 0 };
  const asked = planAdmission(limits, { ...nothing, jobId: name, line, reservedUsdMicros: usdMicros }, nowMs);
  const counters = [...asked.counters, warmupDay(limits, usdMicros, nowMs)];
  return {
    ...asked,
    token: text,
    openJobsMax: unbounded,
    counters: counters.filter(({ add }) => add > 0),
  };
}

/** Counted bounded or not, so that a cap set in the middle of the day finds the whole day. */
export function warmupDay(limits: PlanLimits, usdMicros: number, nowMs: number): Counter {
  const max = limits.warmup_usd_micros_per_day ?? unbounded;
  return counterOf('warmup_usd_micros_per_day', max, usdMicros, dayWindow(nowMs));
}
