/** Jobs as answers: the resource with the state of its pool, and the headers that go with it. */
import type { JobResource } from '#core/api/job-resource.ts';
import { presentJob } from '#core/api/job-resource.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Pools } from '#core/ports.ts';
import type { PoolCondition } from '#core/scaling/pool-orders.ts';
import { conditionOf } from '#core/scaling/pool-orders.ts';

/** Reads a pool only for jobs that wait in its line, and each pool once. */
export async function presentJobs(
  { pools }: { readonly pools: Pick<Pools, 'read'> },
  jobs: readonly JobRecord[],
): Promise<JobResource[]> {
  const waiting = jobs.filter(({ place }) => place.kind === 'line').map(({ pool }) => pool);
  const conditions = new Map<string, PoolCondition>();
  await Promise.all(
    [...new Set(waiting)].map(async (pool) => conditions.set(pool, conditionOf(await pools.read(pool)))),
  );
  return jobs.map((job) => presentJob(job, conditions.get(job.pool) ?? null));
}

export async function presentOneJob(
  { pools }: { readonly pools: Pick<Pools, 'read'> },
  job: JobRecord,
): Promise<JobResource> {
  const condition = job.place.kind === 'line' ? conditionOf(await pools.read(job.pool)) : null;
  return presentJob(job, condition);
}

export function jobHeaders(job: JobRecord): Record<string, string | undefined> {
  return {
    'x-pilotlight-job-id': job.jobId,
    'x-pilotlight-cache': job.receipt?.cachedFrom === undefined ? undefined : 'hit',
    'x-pilotlight-cost-usd': job.costUsdMicros === null ? undefined : decimalUsd(job.costUsdMicros),
  };
}

/** Whole micro-USD as a decimal number of USD: 1,234,560 is `1.23456`. */
export function decimalUsd(usdMicros: number): string {
  const fraction = String(usdMicros % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const whole = String(Math.floor(usdMicros / 1_000_000));
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
