/** One hour under one dispatcher, and what it says of the promises to every tenant. */
import { idealDelays } from '#sim/fairness/ideal-sharing.ts';
import type { Dispatcher, Served } from '#sim/fairness/simulate.ts';
import { simulate } from '#sim/fairness/simulate.ts';
import type { HourCost } from './cost.ts';
import { costOf } from './cost.ts';
import type { Refused } from './gated.ts';
import { createGated } from './gated.ts';
import type { Hour, SimTenant } from './hour.ts';
import { hourMs, loadMs, makeHour } from './hour.ts';
import type { Sharing } from './promise.ts';
import { gpuMsOf, longestNeglectMs, sharingOf, sharingWindowMs, sliceWaitsOf, waitsOf } from './promise.ts';

export interface TenantRun {
  readonly tenant: SimTenant;
  readonly asked: number;
  readonly refused: readonly Refused[];
  /** By arrival. */
  readonly waitsMs: readonly number[];
  /** Of the same jobs, on a slice of the tenant's own. */
  readonly sliceMs: readonly number[];
  /** Waits of the tenant when only the steady and the bursty are there; empty for any other. */
  readonly aloneMs: readonly number[];
  /** Delays of its jobs under ideal sharing of the very jobs that were served. */
  readonly idealMs: readonly number[];
  readonly neglectMs: number;
  /** Its largest job at its share, and the largest job of all to end before it. */
  readonly neglectMaxMs: number;
}

export interface HourRun {
  readonly hour: Hour;
  readonly served: readonly Served[];
  readonly tenants: readonly TenantRun[];
  readonly sharing: Sharing;
  readonly cost: HourCost;
  readonly meanJobMs: number;
  /** GPU time over the time of the cards within the hour. */
  readonly busyShare: number;
}

export function runHour(seed: number, create: () => Dispatcher): HourRun {
  const hour = makeHour({ seed });
  const gated = createGated(hour, create());
  const served = simulate({ workers: hour.cards, jobs: hour.jobs }, gated);
  const alone = serveQuiet(seed, create);
  const ideal = idealDelays(
    served.map(({ job }) => job),
    hour.cards,
  );
  const largestMs = served.reduce((largest, { job }) => Math.max(largest, job.usedGpuMs), 0);
  const tenants = hour.tenants.map((tenant): TenantRun => {
    const { tenantId, shareCards } = tenant;
    const own = served.filter(({ job }) => job.tenantId === tenantId).map(({ job }) => job);
    return {
      tenant,
      asked: hour.jobs.filter((job) => job.tenantId === tenantId).length,
      refused: gated.refused.filter(({ job }) => job.tenantId === tenantId),
      waitsMs: waitsOf(served, tenantId),
      aloneMs: waitsOf(alone, tenantId),
      idealMs: own.map((job) => ideal.get(job) ?? 0),
      sliceMs: sliceWaitsOf(served, tenant),
      neglectMs: longestNeglectMs(served, tenantId),
      neglectMaxMs: Math.max(0, ...own.map(({ usedGpuMs }) => usedGpuMs)) / shareCards + largestMs,
    };
  });
  return {
    hour,
    served,
    tenants,
    sharing: sharingOf(served, hour.tenants, sharingWindowMs),
    cost: costOf(hour, served),
    meanJobMs: gpuMsOf(served.map(({ job }) => job)) / served.length,
    busyShare: gpuMsWithinHour(served) / (hour.cards * (hourMs - loadMs)),
  };
}

/** The tenants that ask for less than their share, without those that ask for more. */
function serveQuiet(seed: number, create: () => Dispatcher): readonly Served[] {
  const quiet = makeHour({ seed, kinds: ['steady', 'bursty'] });
  return simulate({ workers: quiet.cards, jobs: quiet.jobs }, createGated(quiet, create()));
}

function gpuMsWithinHour(served: readonly Served[]): number {
  return served.reduce(
    (sum, { startedAtMs, finishedAtMs }) => sum + Math.max(0, Math.min(finishedAtMs, hourMs) - startedAtMs),
    0,
  );
}
