/**
 * The promises of the plans, held against hours that were run:
 *
 * 1. What a tenant may ask is taken; a refusal names a limit that its plan has, or a request that its plan forbids.
 * 2. A job that comes while its tenant is below its fair share starts within twice what it waits with the steady and
 *    bursty tenants alone, and one mean job (p95, every tenant).
 * 3. Any other starts no later than on a slice of the tenant's own as large as its share, and one mean job (p95, every
 *    tenant): a tenant that sends a clump owes the wait to itself.
 * 4. GPU time of the backlogged is shared by weight: Jain's index at least {@link bars}, every hour.
 * 5. Nobody starves: a tenant with work waiting has a job started within the time that its largest job takes at its
 *    share, and the largest job of all.
 */
import type { HourRun, TenantRun } from './run-hour.ts';

export const bars = { jain: 0.99 } as const;

/** Waits of one tenant, or of several, over all hours. */
export interface WaitVerdict {
  /** Jobs that came while the tenant was below its share. */
  readonly belowJobs: number;
  readonly belowP50Ms: number;
  readonly belowP95Ms: number;
  readonly aloneP95Ms: number;
  readonly belowBoundMs: number;
  readonly allP95Ms: number;
  readonly idealP95Ms: number;
  readonly sliceP95Ms: number;
  readonly sliceBoundMs: number;
}

export function waitVerdict(runs: readonly TenantRun[], meanJobMs: number): WaitVerdict {
  const waits = runs.flatMap(({ waitsMs, sliceMs }) =>
    waitsMs.map((waitMs, at) => ({ waitMs, isBelow: sliceMs[at] === 0 })),
  );
  const below = waits.filter(({ isBelow }) => isBelow).map(({ waitMs }) => waitMs);
  const p95 = (of: (run: TenantRun) => readonly number[]) => quantileOf(runs.flatMap(of), 0.95);
  const aloneP95Ms = p95(({ aloneMs }) => aloneMs);
  const sliceP95Ms = p95(({ sliceMs }) => sliceMs);
  return {
    belowJobs: below.length,
    belowP50Ms: quantileOf(below, 0.5),
    belowP95Ms: quantileOf(below, 0.95),
    aloneP95Ms,
    belowBoundMs: 2 * aloneP95Ms + meanJobMs,
    allP95Ms: p95(({ waitsMs }) => waitsMs),
    idealP95Ms: p95(({ idealMs }) => idealMs),
    sliceP95Ms,
    sliceBoundMs: sliceP95Ms + meanJobMs,
  };
}

export function meanJobMsOf(runs: readonly HourRun[]): number {
  return runs.reduce((sum, run) => sum + run.meanJobMs, 0) / runs.length;
}

/** Every promise that the hours broke, in words; empty when all were kept. */
export function brokenPromises(runs: readonly HourRun[]): string[] {
  const byTenant = Map.groupBy(
    runs.flatMap(({ tenants }) => tenants),
    ({ tenant }) => tenant.tenantId,
  );
  const late = [...byTenant].flatMap(([tenantId, own]) => brokenWaits(tenantId, own, meanJobMsOf(runs)));
  return [...late, ...runs.flatMap(brokenShares)];
}

function brokenWaits(tenantId: string, own: readonly TenantRun[], meanJobMs: number): string[] {
  const { belowP95Ms, belowBoundMs, allP95Ms, sliceBoundMs } = waitVerdict(own, meanJobMs);
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return [
    ...(belowP95Ms > belowBoundMs
      ? [`${tenantId} below its share waited ${seconds(belowP95Ms)} s (p95), not ${seconds(belowBoundMs)} s`]
      : []),
    ...(allP95Ms > sliceBoundMs
      ? [
          `${tenantId} waited ${seconds(allP95Ms)} s (p95), not ${seconds(sliceBoundMs)} s as on its own slice`,
        ]
      : []),
  ];
}

function brokenShares({ sharing, tenants, cost }: HourRun): string[] {
  const starved = tenants.filter(({ neglectMs, neglectMaxMs }) => neglectMs > neglectMaxMs);
  return [
    ...(sharing.jain < bars.jain ? [`Jain's index ${sharing.jain.toFixed(4)}, not ${bars.jain}`] : []),
    ...starved.map(({ tenant, neglectMs }) => `${tenant.tenantId} was passed over for ${neglectMs} ms`),
    ...tenants.flatMap(wrongRefusals),
    ...(cost.operatorUsdMicros === 0 ? [] : [`${cost.operatorUsdMicros} micro-USD of the bill are nobody's`]),
  ];
}

/** What may refuse a job under the plans that ship; `input.size` is a picture larger than the plan allows. */
const refusalsOfPlan = {
  free: ['requests_per_minute', 'requests_per_day', 'open_jobs_max', 'input.size'],
  pro: ['requests_per_minute', 'open_jobs_max'],
  vip: ['open_jobs_max'],
} as const satisfies Record<TenantRun['tenant']['plan'], readonly string[]>;

function wrongRefusals({ tenant, refused }: TenantRun): string[] {
  const limits: readonly string[] = refusalsOfPlan[tenant.plan];
  const wrong = refused.filter(({ by }) => !limits.includes(by));
  return wrong.map(({ by }) => `${tenant.tenantId} was refused by ${by}, which its plan does not have`);
}

/** Zero of nothing. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
