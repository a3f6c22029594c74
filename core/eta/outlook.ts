/**
 * What a pool's line and workers, as they were at one moment, say about the jobs that wait: how many go first, when
 * each may start, and why it waits. Pure: the flow `flows/outlooks.ts` looks, this concludes, and the simulator and
 * the API conclude alike.
 *
 * A job that stands behind the entries looked at is told at least what stands before it: all of them, and its own
 * tenant's work between the last of them and its tag, which the tag itself says.
 */
import type { JobClass, LineEntry } from '../job/job.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import type { Calibration, StartEstimate, StartKind } from './calibration.ts';
import type { CalledLine, CallRules } from './calls.ts';
import { callsOf } from './calls.ts';
import { futureWorkMs } from './future-work.ts';
import type { Schedule } from './schedule.ts';
import { freeAfterMs, scheduleOf } from './schedule.ts';

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

export const waitReasons = ['starting_worker', 'loading_model', 'behind_others', 'worker_unhealthy'] as const;

export type WaitReason = (typeof waitReasons)[number];

/** What the worker that is to come is doing. */
export interface WorkerPhase {
  readonly name: 'starting' | 'loading';
  readonly sinceMs: number;
  readonly expectedMs: number;
}

export interface Place {
  /** Entries of its line that go before it. */
  readonly ahead: number;
  /** False when the line was not seen as far as this job: at least so many are ahead. */
  readonly isExact: boolean;
  readonly start: StartEstimate;
}

export interface Outlook {
  readonly seen: SeenPool;
  readonly reason: WaitReason;
  /** Null when a worker serves. */
  readonly phase: WorkerPhase | null;
  /** The start is counted from `nowMs`, which may be later than the look. */
  placeOf(job: LineEntry, nowMs: number): Place;
  /** The same look, with a job that has joined the line since; itself when that is there, or stands behind. */
  including(job: LineEntry): Outlook;
}

interface Supply {
  readonly freeInMs: readonly number[];
  /** Whether a worker is there that serves or runs something. */
  readonly isServed: boolean;
  readonly reason: WaitReason;
  readonly phase: WorkerPhase | null;
}

/** A worker that takes longer than expected is expected within this share of the whole again. */
const overdueShare = 0.2;

export function outlookOf(seen: SeenPool, rules: OutlookRules): Outlook {
  const supply = supplyOf(seen, rules);
  const called = {
    interactive: callsOf(seen.lines.interactive.entries, rules),
    batch: callsOf(seen.lines.batch.entries, rules),
  };
  const calls = { interactive: called.interactive.calls, batch: called.batch.calls };
  const known = {
    called,
    schedule: scheduleOf(calls, supply.freeInMs),
    futureMs: {
      interactive: futureWorkMs(seen.lines.interactive.entries),
      batch: futureWorkMs(seen.lines.batch.entries),
    },
    indexes: indexesOf(seen),
  };
  const outlook: Outlook = {
    seen,
    reason: supply.reason,
    phase: supply.phase,
    placeOf(job, nowMs) {
      const spot = spotOf(seen, known, job);
      // Not in the index yet, or there since: it is looked at where its tag puts it.
      if (spot === null) return outlook.including(job).placeOf(job, nowMs);
      const waitMs = Math.max(0, spot.startsInMs - Math.max(0, nowMs - seen.atMs));
      const kind = kindOf(spot.startsInMs, supply);
      return { ahead: spot.ahead, isExact: spot.isExact, start: { waitMs: Math.round(waitMs), kind } };
    },
    including(job) {
      const isThere = known.indexes.has(keyOf(job)) || standsBehind(seen.lines[job.class], job);
      return isThere ? outlook : outlookOf(withEntry(seen, job), rules);
    },
  };
  return outlook;
}

/** What was seen, and one more entry where its tag puts it. */
function withEntry(seen: SeenPool, entry: LineEntry): SeenPool {
  const line = seen.lines[entry.class];
  const behind = line.entries.findLastIndex((each) => comesFirst(each, entry));
  const entries = line.entries.toSpliced(behind + 1, 0, entry);
  return { ...seen, lines: { ...seen.lines, [entry.class]: { ...line, entries } } };
}

/** Whether the job stands behind all that was seen of a line that goes on. */
function standsBehind({ entries, isWhole }: SeenLine, job: LineEntry): boolean {
  const last = entries.at(-1);
  return !isWhole && last !== undefined && comesFirst(last, job);
}

interface Known {
  readonly called: Readonly<Record<JobClass, CalledLine>>;
  readonly schedule: Schedule;
  readonly futureMs: Readonly<Record<JobClass, readonly number[]>>;
  readonly indexes: ReadonlyMap<string, number>;
}

interface Spot {
  readonly ahead: number;
  readonly isExact: boolean;
  readonly startsInMs: number;
}

/** Null for a job that would stand among the entries that were seen, and was not seen. */
function spotOf(
  { lines }: SeenPool,
  { called, schedule, futureMs, indexes }: Known,
  job: LineEntry,
): Spot | null {
  const index = indexes.get(keyOf(job));
  if (index !== undefined) {
    const call = called[job.class].callOf[index] ?? 0;
    const startsInMs = schedule.startsInMs[job.class][call] ?? 0;
    // What could come is bounded by the turns left to it, and what does come by the time there is for it: as much
    // again as waits at most, that is, half of what the pool can do.
    const futureInMs = (futureMs[job.class][index] ?? 0) / schedule.freeInMs.length;
    return { ahead: index, isExact: true, startsInMs: startsInMs + Math.min(futureInMs, startsInMs) };
  }
  const { entries } = lines[job.class];
  const last = entries.at(-1);
  if (last === undefined || !standsBehind(lines[job.class], job)) return null;
  // A tag is GPU time over weight, and what a job adds to it is known: so much of its tenant's work lies between.
  const ownMs = ((job.tag - last.tag) * job.predictedGpuMs) / Math.max(1, job.tagCost);
  return {
    ahead: entries.length,
    isExact: false,
    startsInMs: freeAfterMs(schedule.freeInMs, Math.max(0, ownMs)),
  };
}

function kindOf(waitMs: number, supply: Supply): StartKind {
  if (!supply.isServed) return 'cold';
  return waitMs === 0 ? 'free' : 'line';
}

/** When each worker can take a call: those that run one after half of it, those to come when they are there. */
function supplyOf(seen: SeenPool, rules: OutlookRules): Supply {
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

function indexesOf({ lines }: SeenPool): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>();
  for (const { entries } of [lines.interactive, lines.batch]) {
    for (const [index, entry] of entries.entries()) indexes.set(keyOf(entry), index);
  }
  return indexes;
}

function keyOf({ tenantId, jobId }: Pick<LineEntry, 'tenantId' | 'jobId'>): string {
  return `${tenantId} ${jobId}`;
}

/** The order of a line: by tag, and of equal tags by ids, so that a job that is added stands where a store has it. */
function comesFirst(left: LineEntry, right: LineEntry): boolean {
  if (left.tag !== right.tag) return left.tag < right.tag;
  return left.jobId === right.jobId ? left.tenantId < right.tenantId : left.jobId < right.jobId;
}
