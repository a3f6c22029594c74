/**
 * The workers of a simulated pool: asked for by the product's policy, on a wake and on the scaler's tick, booting for a
 * random time, seen by the API only once their process runs, all let go when the pool was idle long enough.
 */
import type { SeenWorker } from '#core/eta/supply.ts';
import type { LineEntry } from '#core/job/job.ts';
import type { ScalingBounds } from '#core/scaling/policy.ts';
import { desiredWorkers } from '#core/scaling/policy.ts';
import type { PoolState } from '#core/scaling/pool-state.ts';
import type { SimJob } from '#sim/fairness/simulate.ts';
import type { Random } from '#sim/random.ts';

export interface FleetOptions {
  readonly bounds: ScalingBounds;
  /** From asking for a worker to its serving, in the middle. */
  readonly bootMs: number;
  readonly batchMax: number;
}

export interface SimWorker {
  readonly id: number;
  /** From here on it can be heard of. */
  readonly seenAtMs: number;
  readonly readyAtMs: number;
  doing:
    | 'nothing'
    | 'picking up'
    | { readonly jobs: readonly SimJob[]; readonly entries: readonly LineEntry[] };
}

export interface Fleet {
  readonly options: FleetOptions;
  readonly random: Random;
  workers: SimWorker[];
  state: PoolState;
  stateSinceMs: number;
  asked: number;
}

/** Boots spread log-normally by this much. */
const bootSpread = 0.2;
/** Share of a boot before the worker's process runs: finding a machine, pulling the image. */
const unseenShare = 0.8;

export function createFleet(options: FleetOptions, random: Random): Fleet {
  return { options, random, workers: [], state: 'cold', stateSinceMs: 0, asked: 0 };
}

export function move(fleet: Fleet, to: PoolState, nowMs: number): void {
  if (fleet.state === to) return;
  fleet.state = to;
  fleet.stateSinceMs = nowMs;
}

/** As `flows/scale.ts` decides; answers the workers that were asked for. */
export function scale(fleet: Fleet, openJobs: number, nowMs: number): SimWorker[] {
  const { bounds, batchMax } = fleet.options;
  moveByWork(fleet, openJobs > 0, nowMs);
  const { state, workers } = fleet;
  const desired = desiredWorkers(
    {
      openJobs: state === 'waking' ? Math.max(1, openJobs) : openJobs,
      jobsPerWorker: batchMax,
      desired: workers.length,
      prewarmed: 0,
      isHeldBack: false,
      idleForMs: state === 'idle' || state === 'cold' ? nowMs - fleet.stateSinceMs : null,
    },
    bounds,
  );
  if (desired === 0) {
    fleet.workers = [];
    if (state === 'idle') move(fleet, 'cold', nowMs);
    return [];
  }
  const added = Array.from({ length: desired - workers.length }, () => boot(fleet, nowMs));
  workers.push(...added);
  return added;
}

function moveByWork(fleet: Fleet, hasWork: boolean, nowMs: number): void {
  const to = hasWork
    ? ({ cold: 'waking', waking: 'waking', warm: 'warm', idle: 'warm' } as const)[fleet.state]
    : ({ cold: 'cold', waking: 'idle', warm: 'idle', idle: 'idle' } as const)[fleet.state];
  move(fleet, to, nowMs);
}

function boot(fleet: Fleet, nowMs: number): SimWorker {
  const tookMs = Math.round(fleet.options.bootMs * Math.exp(bootSpread * normal(fleet.random)));
  fleet.asked += 1;
  const seenAtMs = nowMs + Math.round(tookMs * unseenShare);
  return { id: fleet.asked, seenAtMs, readyAtMs: nowMs + tookMs, doing: 'nothing' };
}

/** As the API sees the workers: only those whose process runs. */
export function seenWorkers({ workers }: Fleet, nowMs: number): SeenWorker[] {
  return workers
    .filter(({ seenAtMs }) => seenAtMs <= nowMs)
    .map(({ seenAtMs, readyAtMs }) => ({
      phase: readyAtMs <= nowMs ? 'serving' : 'starting',
      phaseSinceMs: readyAtMs <= nowMs ? readyAtMs : seenAtMs,
      startedAtMs: seenAtMs,
    }));
}

/** Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
