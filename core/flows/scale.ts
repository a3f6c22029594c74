/**
 * One scaling decision for a pool: look at the work, decide by the policy, tell the fleet, move the pool's state.
 * Runs on the first submission to a cold pool and on every tick; running it twice at once is harmless.
 */

import type { Catalog } from '../models/manifest.ts';
import type { Clock, Fleet, Jobs, Log, PoolRecord, Pools } from '../ports.ts';
import type { ScalingBounds } from '../scaling/policy.ts';
import { desiredWorkers } from '../scaling/policy.ts';

export interface ScalePorts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly jobs: Jobs;
  readonly log: Log;
  readonly pools: Pools;
}

export async function scale(ports: ScalePorts, pool: string, bounds: ScalingBounds): Promise<number> {
  const [count, fleet, before] = await Promise.all([
    ports.jobs.count(pool),
    ports.fleet.status(pool),
    ports.pools.read(pool),
  ]);
  const openJobs = count.waiting + count.leased;
  const nowMs = ports.clock.nowMs();
  const record = await moveByWork(ports, before, openJobs > 0 || isFreshWake(before, nowMs), nowMs);
  const desired = desiredWorkers(
    {
      openJobs: record.state === 'waking' ? Math.max(1, openJobs) : openJobs,
      jobsPerWorker: jobsPerWorker(ports.catalog, pool),
      desired: fleet.desired,
      idleForMs: record.state === 'idle' || record.state === 'cold' ? nowMs - record.stateSinceMs : null,
    },
    bounds,
  );
  if (desired !== fleet.desired) {
    ports.log.info('scale.decided', { pool, from: fleet.desired, to: desired, openJobs });
    await ports.fleet.setDesired(pool, desired);
  }
  if (desired === 0 && record.state === 'idle') await putOut(ports, pool, bounds);
  return desired;
}

/** A submission woke the pool; the index behind the count may not show its job yet. */
const freshWakeMs = 10_000;

function isFreshWake(record: PoolRecord, nowMs: number): boolean {
  return record.state === 'waking' && nowMs - record.stateSinceMs < freshWakeMs;
}

/** Moves between the states that have workers according to whether there is work. */
async function moveByWork(
  ports: ScalePorts,
  record: PoolRecord,
  hasWork: boolean,
  nowMs: number,
): Promise<PoolRecord> {
  const { pool } = record;
  const to = hasWork
    ? ({ cold: 'waking', waking: 'waking', warm: 'warm', idle: 'warm' } as const)[record.state]
    : ({ cold: 'cold', waking: 'idle', warm: 'idle', idle: 'idle' } as const)[record.state];
  if (to === record.state) return record;
  const moved = await ports.pools.move(pool, [record.state], to, nowMs);
  return moved === 'moved' ? { ...record, state: to, stateSinceMs: nowMs } : ports.pools.read(pool);
}

/**
 * Marks the pool cold, then looks at the line once more: a submission either saw `cold` and wakes the pool itself, or
 * its job is seen here. What the index hides for a moment, the next tick finds.
 */
async function putOut(ports: ScalePorts, pool: string, bounds: ScalingBounds): Promise<void> {
  if ((await ports.pools.move(pool, ['idle'], 'cold', ports.clock.nowMs())) !== 'moved') return;
  const { waiting, leased } = await ports.jobs.count(pool);
  if (waiting + leased > 0) await scale(ports, pool, bounds);
}

function jobsPerWorker(catalog: Catalog, pool: string): number {
  return Math.max(1, ...catalog.poolModels(pool).map(({ manifest }) => manifest.batch_max));
}
