/**
 * What a pool's line and workers, as they were at one moment, say about the jobs that wait: how many go first, when
 * each may start, and why it waits. Pure: the flow `flows/outlooks.ts` looks, this concludes, and the simulator and
 * the API conclude alike.
 *
 * A job that stands behind the entries looked at is told at least what stands before it: all of them, and its own
 * tenant's work between the last of them and its tag, which the tag itself says.
 */
import type { JobClass, JobRecord, LineEntry } from '../job/job.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import type { CalledLine, CallRules } from './calls.ts';
import { callsOf } from './calls.ts';
import type { Calibration, StartEstimate, StartKind } from './calibration.ts';
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

/** A job as far as its place depends on it. */
export type PlacedJob = LineEntry & Pick<JobRecord, 'tagCost'>;

export interface Outlook {
  readonly seen: SeenPool;
  readonly reason: WaitReason;
  /** Null when a worker serves. */
  readonly phase: WorkerPhase | null;
  placeOf(job: PlacedJob): Place;
}

interface Supply {
  readonly freeInMs: readonly number[];
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
  const schedule = scheduleOf(calls, supply.freeInMs);
  const indexes = indexesOf(seen);
  return {
    seen,
    reason: supply.reason,
    phase: supply.phase,
    placeOf(job) {
      const index = indexes.get(keyOf(job));
      if (index !== undefined) return knownPlace(job, index, { called, schedule, supply });
      const { entries, isWhole } = seen.lines[job.class];
      const last = entries.at(-1);
      if (!isWhole && last !== undefined && comesFirst(last, job)) {
        return placeBehind(job, last, { entries, schedule, supply });
      }
      // Not in the index yet, or there since: it is looked at where its tag puts it.
      return outlookOf(withEntry(seen, job), rules).placeOf(job);
    },
  };
}

/** What was seen, and one more entry where its tag puts it; the same when it is there already. */
export function withEntry(seen: SeenPool, entry: LineEntry): SeenPool {
  const line = seen.lines[entry.class];
  if (line.entries.some((each) => keyOf(each) === keyOf(entry))) return seen;
  const index = line.entries.findIndex((each) => comesFirst(entry, each));
  const entries = line.entries.toSpliced(index === -1 ? line.entries.length : index, 0, entry);
  return { ...seen, lines: { ...seen.lines, [entry.class]: { ...line, entries } } };
}

interface Known {
  readonly called: Readonly<Record<JobClass, CalledLine>>;
  readonly schedule: Schedule;
  readonly supply: Supply;
}

function knownPlace(job: LineEntry, index: number, { called, schedule, supply }: Known): Place {
  const call = called[job.class].callOf[index] ?? 0;
  const waitMs = schedule.startsInMs[job.class][call] ?? 0;
  return { ahead: index, isExact: true, start: startOf(waitMs, supply) };
}

function placeBehind(
  job: PlacedJob,
  last: LineEntry,
  { entries, schedule, supply }: { entries: readonly LineEntry[]; schedule: Schedule; supply: Supply },
): Place {
  // A tag is GPU time over weight, and what a job adds to it is known: so much of its tenant's work lies between.
  const ownMs = ((job.tag - last.tag) * job.predictedGpuMs) / Math.max(1, job.tagCost);
  const waitMs = freeAfterMs(schedule.freeInMs, Math.max(0, ownMs));
  return { ahead: entries.length, isExact: false, start: startOf(waitMs, supply) };
}

function startOf(waitMs: number, supply: Supply): StartEstimate {
  return { waitMs: Math.round(waitMs), kind: kindOf(waitMs, supply) };
}

function kindOf(waitMs: number, supply: Supply): StartKind {
  if (supply.reason !== 'behind_others') return 'cold';
  return waitMs === 0 ? 'free' : 'line';
}

/** When each worker can take a call: those that serve after half of what they run, those to come when they are there. */
function supplyOf(seen: SeenPool, rules: OutlookRules): Supply {
  const busy = callsOf(seen.leased, rules).calls.map(({ workMs }) => workMs / 2);
  const serving = seen.workers.filter(({ phase }) => phase === 'serving');
  const coming = seen.workers.filter(({ phase }) => phase !== 'serving');
  const comingInMs = coming.map((worker) => readyInMs(seen, worker, rules, startMsOf(seen, serving, rules)));
  // A worker that claimed is there, heard of or not.
  const count = Math.max(serving.length, busy.length, isLit(seen, rules) && coming.length === 0 ? 1 : 0);
  if (count > 0) {
    const idle = Array.from({ length: count - busy.length }, () => 0);
    return { freeInMs: [...busy, ...idle, ...comingInMs], reason: 'behind_others', phase: null };
  }
  const [nearest] = coming.toSorted(
    (left, right) => rankOf(right) - rankOf(left) || left.phaseSinceMs - right.phaseSinceMs,
  );
  if (nearest !== undefined) return { freeInMs: comingInMs, ...comingFrom(seen, nearest, rules) };
  return { freeInMs: [wakeInMs(seen, rules)], ...nobody(seen, rules) };
}

/** A pool in a state of having workers, whose reports may be on their way. */
function isLit({ state, stateSinceMs, atMs }: SeenPool, { silentMs }: OutlookRules): boolean {
  return (state === 'warm' || state === 'idle') && atMs - stateSinceMs <= silentMs;
}

function comingFrom(seen: SeenPool, worker: SeenWorker, rules: OutlookRules): Omit<Supply, 'freeInMs'> {
  if (worker.phase === 'loading') {
    const phase = { name: 'loading', sinceMs: worker.phaseSinceMs, expectedMs: rules.loadMs } as const;
    return { reason: 'loading_model', phase };
  }
  const sinceMs = isWaking(seen) ? Math.min(seen.stateSinceMs, worker.startedAtMs) : worker.startedAtMs;
  return { reason: 'starting_worker', phase: { name: 'starting', sinceMs, expectedMs: wakeMsOf(seen, rules) } };
}

function nobody(seen: SeenPool, rules: OutlookRules): Omit<Supply, 'freeInMs'> {
  const isLost = seen.state === 'warm' || seen.state === 'idle';
  const sinceMs = isWaking(seen) ? seen.stateSinceMs : seen.atMs;
  const phase = { name: 'starting', sinceMs, expectedMs: wakeMsOf(seen, rules) } as const;
  return { reason: isLost ? 'worker_unhealthy' : 'starting_worker', phase };
}

function readyInMs(seen: SeenPool, worker: SeenWorker, rules: OutlookRules, startMs: number): number {
  if (worker.phase === 'loading') return remainingMs(rules.loadMs, seen.atMs - worker.phaseSinceMs);
  if (isWaking(seen)) return wakeInMs(seen, rules);
  return remainingMs(startMs, seen.atMs - worker.startedAtMs);
}

function wakeInMs(seen: SeenPool, rules: OutlookRules): number {
  return remainingMs(wakeMsOf(seen, rules), isWaking(seen) ? seen.atMs - seen.stateSinceMs : 0);
}

/** From a worker's start to its serving: as those that serve did, else as the pool wakes. */
function startMsOf(seen: SeenPool, serving: readonly SeenWorker[], rules: OutlookRules): number {
  const took = serving
    .map(({ phaseSinceMs, startedAtMs }) => phaseSinceMs - startedAtMs)
    .toSorted((left, right) => left - right);
  return took[took.length >> 1] ?? wakeMsOf(seen, rules);
}

function wakeMsOf({ calibration }: SeenPool, rules: OutlookRules): number {
  return calibration.wakeMs ?? rules.wakeMs;
}

function isWaking({ state }: SeenPool): boolean {
  return state === 'waking';
}

function remainingMs(expectedMs: number, elapsedMs: number): number {
  return Math.max(expectedMs - Math.max(0, elapsedMs), expectedMs * overdueShare);
}

/** The further on, the nearer. */
function rankOf({ phase }: SeenWorker): number {
  return phase === 'loading' ? 1 : 0;
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
