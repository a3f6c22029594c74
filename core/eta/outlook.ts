/**
 * What a pool's line and workers, as they were at one moment, say about the jobs that wait: how many go first, when
 * each may start, and why it waits. Pure: the flow `flows/outlooks.ts` looks, this concludes, and the simulator and
 * the API conclude alike.
 *
 * A job that stands behind the entries looked at is told at least what stands before it: all of them, and its own
 * tenant's work between the last of them and its tag, which the tag itself says.
 */
import type { JobClass, LineEntry } from '../job/job.ts';
import type { StartEstimate, StartKind } from './calibration.ts';
import type { CalledLine } from './calls.ts';
import { callsOf } from './calls.ts';
import { futureWorkMs } from './future-work.ts';
import type { Schedule } from './schedule.ts';
import { freeAfterMs, scheduleOf } from './schedule.ts';
import type { ComingPhase, OutlookRules, SeenLine, SeenPool, Supply, WaitReason } from './supply.ts';
import { supplyOf } from './supply.ts';

export interface Place {
  /** Entries of its line that go before it. */
  readonly ahead: number;
  /** False when the line was not seen as far as this job: at least so many are ahead. */
  readonly isExact: boolean;
  readonly start: StartEstimate;
}

/** By when a worker of a pool is expected to serve. */
export interface ToldReady {
  readonly atMs: number;
  /** Nine of ten do by then. */
  readonly atP90Ms: number;
}

export interface Outlook {
  readonly seen: SeenPool;
  readonly reason: WaitReason;
  /** Null when a worker serves. */
  readonly phase: ComingPhase | null;
  /** From the look until a worker serves; 0 when one does. */
  readonly servedInMs: number;
  /** The start is counted from `nowMs`, which may be later than the look. */
  placeOf(job: LineEntry, nowMs: number): Place;
  /** The same look, with a job that has joined the line since; itself when that is there, or stands behind. */
  including(job: LineEntry): Outlook;
}

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
    servedInMs: supply.isServed ? 0 : Math.round(Math.min(...supply.freeInMs)),
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
