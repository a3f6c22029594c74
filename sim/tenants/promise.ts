/** What came of an hour for each tenant, and for those that always had work waiting. */

import { jainIndex } from '#sim/fairness/measure.ts';
import type { Served, SimJob } from '#sim/fairness/simulate.ts';
import type { SimTenant } from './hour.ts';
import { hourMs, loadMs } from './hour.ts';

/**
 * Two jobs of the lightest tenant at the share that it has when all are busy (2 x 2.2 s of 0.047 cards is 94 s), in
 * whole minutes. In less, nobody can be given the share of such a tenant in whole jobs.
 */
export const sharingWindowMs = 2 * 60_000;

/** From arrival to start, by arrival. */
export function waitsOf(served: readonly Served[], tenantId: string): number[] {
  return served
    .filter(({ job }) => job.tenantId === tenantId)
    .toSorted(byArrival)
    .map(({ job, startedAtMs }) => startedAtMs - job.arrivedAtMs);
}

/** GPU time of the jobs. */
export function gpuMsOf(jobs: readonly SimJob[]): number {
  return jobs.reduce((sum, { usedGpuMs }) => sum + usedGpuMs, 0);
}

export interface Sharing {
  /** Jain's index of what each got over what it was entitled to; 1 when all got the same part of it. */
  readonly jain: number;
  /** By tenant: GPU time over entitlement, in the windows in which it was backlogged. */
  readonly received: ReadonlyMap<string, number>;
  /** How many windows each was backlogged in. */
  readonly windows: ReadonlyMap<string, number>;
}

/**
 * Cuts the hour into windows. A tenant is backlogged in one when it had a job waiting at every moment of it; the
 * backlogged of a window are entitled to what they got together, by weight. Both are added up over all windows in which
 * a tenant was backlogged, be it one or all; every such tenant counts the same.
 */
export function sharingOf(
  served: readonly Served[],
  tenants: readonly SimTenant[],
  windowMs: number,
): Sharing {
  const runs = new Map(
    tenants.map((tenant) => [tenant, served.filter(({ job }) => job.tenantId === tenant.tenantId)]),
  );
  const got = new Map<string, number>();
  const entitled = new Map<string, number>();
  const windows = new Map<string, number>();
  for (let fromMs = loadMs; fromMs + windowMs <= hourMs; fromMs += windowMs) {
    const toMs = fromMs + windowMs;
    const backlogged = [...runs].filter(([, own]) => waitsThroughout(own, fromMs, toMs));
    if (backlogged.length < 2) continue;
    const parts = backlogged.map(([tenant, own]) => ({ tenant, ms: ranWithin(own, fromMs, toMs) }));
    const together = parts.reduce((sum, { ms }) => sum + ms, 0);
    const weights = parts.reduce((sum, { tenant }) => sum + tenant.weight, 0);
    for (const { tenant, ms } of parts) {
      add(got, tenant.tenantId, ms);
      add(entitled, tenant.tenantId, (together * tenant.weight) / weights);
      add(windows, tenant.tenantId, 1);
    }
  }
  const received = new Map([...got].map(([tenantId, ms]) => [tenantId, ms / (entitled.get(tenantId) ?? 1)]));
  return { jain: jainIndex([...received.values()]), received, windows };
}

/**
 * Waits of the same jobs on a slice of its own: a card as fast as the tenant's share of all cards, first come, first
 * served, with nobody else on it, by arrival. This is what a plan sells at the very least; a job that would not wait
 * there came while its tenant was below its fair share.
 */
export function sliceWaitsOf(served: readonly Served[], { tenantId, shareCards }: SimTenant): number[] {
  let freeAtMs = 0;
  return served
    .filter(({ job }) => job.tenantId === tenantId)
    .toSorted(byArrival)
    .map(({ job: { arrivedAtMs, usedGpuMs } }) => {
      const startedAtMs = Math.max(arrivedAtMs, freeAtMs);
      freeAtMs = startedAtMs + usedGpuMs / Math.min(1, shareCards);
      return startedAtMs - arrivedAtMs;
    });
}

/** The longest time that the tenant had work waiting and nothing of it was started. */
export function longestNeglectMs(served: readonly Served[], tenantId: string): number {
  const own = served.filter(({ job }) => job.tenantId === tenantId);
  const starts = own.map(({ startedAtMs }) => startedAtMs).toSorted((left, right) => left - right);
  let longest = 0;
  for (const { job, startedAtMs } of own) {
    // Since its arrival or the last start of another, whichever came later, up to its own.
    const before = starts.findLast((ms) => ms < startedAtMs) ?? 0;
    longest = Math.max(longest, startedAtMs - Math.max(before, job.arrivedAtMs));
  }
  return longest;
}

function waitsThroughout(runs: readonly Served[], fromMs: number, toMs: number): boolean {
  let coveredMs = fromMs;
  for (const { job, startedAtMs } of runs.toSorted(byArrival)) {
    if (startedAtMs <= coveredMs) continue;
    if (job.arrivedAtMs > coveredMs) return false;
    coveredMs = startedAtMs;
    if (coveredMs >= toMs) return true;
  }
  return false;
}

function byArrival(left: Served, right: Served): number {
  return left.job.arrivedAtMs - right.job.arrivedAtMs;
}

function ranWithin(runs: readonly Served[], fromMs: number, toMs: number): number {
  return runs.reduce(
    (sum, { startedAtMs, finishedAtMs }) =>
      sum + Math.max(0, Math.min(finishedAtMs, toMs) - Math.max(startedAtMs, fromMs)),
    0,
  );
}

function add(sums: Map<string, number>, name: string, amount: number): void {
  sums.set(name, (sums.get(name) ?? 0) + amount);
}
