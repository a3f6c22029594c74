/**
 * One scaling decision for a pool: look at the work, decide by the policy, tell the fleet, move the pool's state.
 * Runs on the first submission to a cold pool, after an operator's order, and on every tick; running it twice at once
 * is harmless: the fleet takes a decision only while what it was made on still holds, and the slower one looks again.
 * What an order means is in `scaling/pool-orders.ts`.
 */

import { isFresh } from '../jumping-clock.ts';
import { fleetLimits, sweepLimits, warmupLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Fleet, PoolRecord, Pools } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { ScalingBounds } from '../scaling/policy.ts';
import { desiredWorkers } from '../scaling/policy.ts';
import type { PoolOrders } from '../scaling/pool-orders.ts';
import { isHeldBack, prewarmedWorkers } from '../scaling/pool-orders.ts';

export interface ScalePorts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly jobs: Jobs;
  readonly log: Log;
  readonly pools: Pools;
}

/** Workers desired now. A decision that others overtake each time is left to the next tick. */
export async function scale(ports: ScalePorts, pool: string, bounds: ScalingBounds): Promise<number> {
  for (let looks = 0; looks < fleetLimits.looksMax; looks += 1) {
    const desired = await decide(ports, pool, bounds);
    if (desired !== 'overtaken') return desired;
  }
  ports.log.warn('scale.overtaken', { pool });
  return (await ports.fleet.status(pool)).desired;
}

async function decide(ports: ScalePorts, pool: string, bounds: ScalingBounds): Promise<number | 'overtaken'> {
  const [count, fleet, before] = await Promise.all([
    ports.jobs.count(pool),
    ports.fleet.status(pool),
    ports.pools.read(pool),
  ]);
  const nowMs = ports.clock.nowMs();
  const isHeld = isHeldBack(before.orders);
  const openJobs = isHeld ? await jobsAtWork(ports, pool, count.leased) : count.waiting + count.leased;
  if (openJobs === 0 && mayEmpty(before, fleet, nowMs)) return emptyPool(ports, before, fleet, bounds);

  await forgetWarmups(ports, before, nowMs);
  const prewarmed = prewarmedWorkers(before.orders, nowMs);
  const hasWork = openJobs > 0 || (!isHeld && isWaking(before, prewarmed, nowMs));
  const record = await moveByWork(ports, before, hasWork, nowMs);
  const desired = desiredWorkers(
    {
      openJobs: record.state === 'waking' && !isHeld ? Math.max(1, openJobs) : openJobs,
      jobsPerWorker: jobsPerWorker(ports.catalog, pool),
      desired: fleet.desired,
      idleForMs:
        record.state === 'idle' || record.state === 'cold' ? Math.abs(nowMs - record.stateSinceMs) : null,
      prewarmed,
      isHeldBack: isHeld,
    },
    bounds,
  );
  const told = await tellFleet(ports, before, { fleet, desired, openJobs, bounds });
  if (told === 'overtaken') return told;
  if (desired === 0 && record.state === 'idle') await putOut(ports, pool, bounds);
  return desired;
}

type FleetStatus = Awaited<ReturnType<Fleet['status']>>;

/** Tells the fleet, if it is told anything new, and notes on the pool's item what changed. */
async function tellFleet(
  ports: ScalePorts,
  { pool, scaling: noted }: PoolRecord,
  ask: { fleet: FleetStatus; desired: number; openJobs: number; bounds: ScalingBounds },
): Promise<FleetStatus | 'overtaken'> {
  const { desired, openJobs } = ask;
  let { fleet } = ask;
  if (desired !== fleet.desired) {
    ports.log.info('scale.decided', { pool, from: fleet.desired, to: desired, openJobs });
    if ((await ports.fleet.setDesired(pool, desired, fleet.desired)) === 'elsewhere') return 'overtaken';
    fleet = await ports.fleet.status(pool);
  }
  const { workersMax } = ask.bounds;
  const isNoted = noted?.desired === desired && noted.running === fleet.running;
  if (!isNoted || noted.workersMax !== workersMax) {
    await ports.pools.noteScaling(pool, { desired, running: fleet.running, workersMax });
  }
  return fleet;
}

/** A submission woke the pool; the index behind the count may not show its job yet. */
const freshWakeMs = 10_000;

/** Or a prewarm did, and its workers are on their way; a pool that came out of a drain or a pause is cold by then. */
function isWaking({ state, stateSinceMs }: PoolRecord, prewarmed: number, nowMs: number): boolean {
  if (prewarmed > 0) return state === 'waking' || state === 'cold';
  return state === 'waking' && isFresh(stateSinceMs, freshWakeMs, nowMs);
}

/** Keeps the pool's item small. What another scaler forgets first, or a tenant renews meanwhile, is left alone. */
async function forgetWarmups(
  ports: ScalePorts,
  { pool, orders: { warmups } }: { readonly pool: string; readonly orders: Pick<PoolOrders, 'warmups'> },
  nowMs: number,
): Promise<void> {
  const beforeMs = nowMs - warmupLimits.rememberedMs;
  const over = warmups.filter(({ untilMs }) => untilMs < beforeMs).slice(0, warmupLimits.forgottenMax);
  if (over.length === 0) return;
  const tenantIds = over.map(({ tenantId }) => tenantId);
  await ports.pools.order(pool, { kind: 'forget_warm_ups', tenantIds, beforeMs });
}

/** Jobs that a worker runs: while the pool is held back, nobody takes over those whose lease ran out. */
async function jobsAtWork(ports: ScalePorts, pool: string, leased: number): Promise<number> {
  if (leased === 0) return 0;
  const lapsed = await ports.jobs.lapsed(pool, ports.clock.nowMs(), sweepLimits.entriesMax);
  return Math.max(0, leased - lapsed.length);
}

/** A worker that claimed as the order was given is in the index by then, and its batch may end. */
const drainSettlesMs = 2_000;

function mayEmpty({ orders }: PoolRecord, { desired }: FleetStatus, nowMs: number): boolean {
  if (orders.drainingAtMs === null) return false;
  return desired === 0 || !isFresh(orders.drainingAtMs, drainSettlesMs, nowMs);
}

/**
 * Ends a drain once nobody is at work: every worker goes, then the order. A crash in between leaves the order standing
 * and the next tick goes on. Work that waits, or the least number of workers, lights fresh ones.
 */
async function emptyPool(
  ports: ScalePorts,
  record: PoolRecord,
  before: FleetStatus,
  bounds: ScalingBounds,
): Promise<number | 'overtaken'> {
  const { pool, orders, state } = record;
  const fleet = await tellFleet(ports, record, { fleet: before, desired: 0, openJobs: 0, bounds });
  if (fleet === 'overtaken') return fleet;
  // Some fleets keep a worker that is asked for again before it is gone.
  if (fleet.running > 0 || orders.drainingAtMs === null) return 0;
  if (state !== 'cold') await ports.pools.move(pool, [state], 'cold', ports.clock.nowMs());
  await ports.pools.order(pool, { kind: 'end_drain', atMs: orders.drainingAtMs });
  ports.log.info('pool.drained', { pool });
  return scale(ports, pool, bounds);
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
