/**
 * The workers of a pool, as far as a job that waits is concerned: when each can take a call, and if none does, what is
 * done about it.
 */
import type { JobClass, LineEntry } from '../job/job.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import type { Calibration } from './calibration.ts';
import type { CallRules } from './calls.ts';

/** What is looked at of a worker. */
export interface SeenWorker {
  readonly phase: 'starting' | 'loading' | 'serving';
  readonly phaseSinceMs: number;
  readonly startedAtMs: number;
}

export interface SeenLine {
  /** In the order of the line, from its head. */
  readonly entries: readonly LineEntry[];
  /** False when more stand behind. */
  readonly isWhole: boolean;
}

export interface SeenPool {
  readonly atMs: number;
  readonly state: PoolState;
  readonly stateSinceMs: number;
  /** Nothing starts until the operator says so. */
  readonly isPaused: boolean;
  readonly calibration: Calibration;
  readonly lines: Readonly<Record<JobClass, SeenLine>>;
  readonly leased: readonly LineEntry[];
  readonly workers: readonly SeenWorker[];
}

export interface OutlookRules extends CallRules {
  /** Expected from waking the pool to its first worker that serves, where that was never seen. */
  readonly wakeMs: number;
  /** A pool that has been lit for longer than this without a worker to be heard of has lost them. */
  readonly silentMs: number;
  /** Expected of loading this pool's models. */
  readonly loadMs: number;
}

export const waitReasons = [
  'starting_worker',
  'loading_model',
  'behind_others',
  'worker_unhealthy',
  'paused',
] as const;

export type WaitReason = (typeof waitReasons)[number];

/** What the worker that is to come is doing. */
export interface ComingPhase {
  readonly name: 'starting' | 'loading';
  readonly sinceMs: number;
  readonly expectedMs: number;
}

export interface Supply {
  readonly freeInMs: readonly number[];
  /** Whether a worker is there that serves or runs something. */
  readonly isServed: boolean;
  readonly reason: WaitReason;
  readonly phase: ComingPhase | null;
}

/** A worker that takes longer than expected is expected within this share of the whole again. */
const overdueShare = 0.2;

/** When each worker can take a call: those that run one after half of it, those to come when they are there. */
export function supplyOf(seen: SeenPool, rules: OutlookRules): Supply {
  const busyInMs = runningMs(seen.leased, rules).map((workMs) => workMs / 2);
  const phaseOf = (name: SeenWorker['phase']) => seen.workers.filter(({ phase }) => phase === name);
  const [serving, loading, starting] = [phaseOf('serving'), phaseOf('loading'), phaseOf('starting')];
  // Leases beyond those that serve are of workers that load for them.
  const held = Math.min(loading.length, Math.max(0, busyInMs.length - serving.length));
  const comingInMs = [
    ...loading.slice(held).map(({ phaseSinceMs }) => remainingMs(rules.loadMs, seen.atMs - phaseSinceMs)),
    ...starting.map((worker) => startsInMs(seen, worker, rules)),
  ];
  const isReported = seen.workers.length > 0 || !isFresh(seen, rules);
  const count = Math.max(serving.length, busyInMs.length, isReported ? 0 : 1);
  const idleInMs = Array.from({ length: count - busyInMs.length }, () => 0);
  const freeInMs = [...busyInMs, ...idleInMs, ...comingInMs];
  return {
    freeInMs: freeInMs.length === 0 ? [wakeInMs(seen, rules)] : freeInMs,
    isServed: count > 0,
    ...reasonOf(seen, rules, { count, serving, loading, starting }),
  };
}

/** GPU time of what each worker runs. */
function runningMs(leased: readonly LineEntry[], rules: CallRules): number[] {
  const calls = Map.groupBy(leased, ({ workerId, jobId }) => workerId ?? jobId);
  return [...calls.values()].map((mates) => {
    const [first] = mates;
    const sharedMs = first === undefined ? 0 : (mates.length - 1) * rules.sharedMs(first);
    return Math.max(0, mates.reduce((sum, { predictedGpuMs }) => sum + predictedGpuMs, 0) - sharedMs);
  });
}

type ByPhase = Readonly<Record<SeenWorker['phase'], readonly SeenWorker[]>>;

function reasonOf(
  seen: SeenPool,
  rules: OutlookRules,
  { count, serving, loading, starting }: ByPhase & { readonly count: number },
): Pick<Supply, 'reason' | 'phase'> {
  if (seen.isPaused) return { reason: 'paused', phase: null };
  const [firstLoading] = bySince(loading);
  if (serving.length === 0 && firstLoading !== undefined) {
    const phase = { name: 'loading', sinceMs: firstLoading.phaseSinceMs, expectedMs: rules.loadMs } as const;
    return { reason: 'loading_model', phase };
  }
  if (count > 0) return { reason: 'behind_others', phase: null };
  const [firstStarting] = bySince(starting);
  const sinceMs = seen.state === 'waking' ? seen.stateSinceMs : (firstStarting?.startedAtMs ?? seen.atMs);
  const phase = { name: 'starting', sinceMs, expectedMs: wakeMsOf(seen, rules) } as const;
  const isLost = firstStarting === undefined && isLit(seen);
  return { reason: isLost ? 'worker_unhealthy' : 'starting_worker', phase };
}

function bySince(workers: readonly SeenWorker[]): SeenWorker[] {
  return workers.toSorted((left, right) => left.phaseSinceMs - right.phaseSinceMs);
}

/** In a state of having workers. */
function isLit({ state }: SeenPool): boolean {
  return state === 'warm' || state === 'idle';
}

/** Lit for so short a time that the first report of a worker may be on its way. */
function isFresh(seen: SeenPool, { silentMs }: OutlookRules): boolean {
  return isLit(seen) && seen.atMs - seen.stateSinceMs <= silentMs;
}

function startsInMs(seen: SeenPool, { startedAtMs }: SeenWorker, rules: OutlookRules): number {
  if (seen.state === 'waking') return wakeInMs(seen, rules);
  return remainingMs(wakeMsOf(seen, rules), seen.atMs - startedAtMs);
}

function wakeInMs(seen: SeenPool, rules: OutlookRules): number {
  return remainingMs(wakeMsOf(seen, rules), seen.state === 'waking' ? seen.atMs - seen.stateSinceMs : 0);
}

function wakeMsOf({ calibration }: SeenPool, rules: OutlookRules): number {
  return calibration.wakeMs ?? rules.wakeMs;
}

function remainingMs(expectedMs: number, elapsedMs: number): number {
  return Math.max(expectedMs - Math.max(0, elapsedMs), expectedMs * overdueShare);
}
