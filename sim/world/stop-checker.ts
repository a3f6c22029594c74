/**
 * I11: no worker that has work is stopped but by a drain. Two promises make that, each looked at from outside:
 *
 * - a pool is made smaller only when nothing in it is at work: no job that a worker held before the scaler looked, and still
 *   holds, sees fewer workers asked for. A job that is claimed behind the scaler's back meets a worker that is told to stop,
 *   and the second promise;
 * - a worker that is told to stop (by a scale-in or a Spot notice) has `workerLimits.drainMs` for what its runner has begun: until
 *   then none of it goes back to the line, and once it has ended, nothing is left in its hands.
 *
 * Which of several workers goes is decided by ECS, by the protection that a busy one asks for; there is none in a world.
 */
import type { JobRecord } from '#core/job/job.ts';
import { workerLimits } from '#core/limits.ts';
import type { Fleet } from '#core/ports/pools.ts';
import type { MemoryWorld } from '../memory/memory-world.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import type { Loop } from './loop.ts';
import { looksOfRequest } from './requests.ts';
import type { Scenario } from './scenario.ts';

export interface StopHistory {
  /** Jobs in the hands of workers: since when without a moment in which an index may show them as lapsed. */
  readonly atWork: Map<string, AtWork>;
  /** The attempt of each job that a runner began last. */
  readonly begun: Map<string, number>;
  /** When each worker was told to stop first. */
  readonly stops: Map<string, number>;
  /** Processes one of whose calls came to a fault: what they leave is left to others. */
  readonly struck: Set<string>;
}

interface AtWork {
  readonly job: JobRecord;
  readonly workerId: string;
  readonly expiresAtMs: number;
  readonly sinceMs: number;
}

export function createStopHistory(): StopHistory {
  return { atWork: new Map(), begun: new Map(), stops: new Map(), struck: new Set() };
}

interface Watch {
  readonly loop: Loop;
  readonly history: History;
  readonly scenario: Scenario;
}

/** Nothing of it waits for anything: a world takes its turns as it did without. */
export function watchWork(stores: MemoryWorld, { loop, history, scenario }: Watch): MemoryWorld {
  const { jobs } = stores;
  return {
    ...stores,
    jobs: {
      ...jobs,
      count(pool) {
        looksOfRequest()?.countedAtMs.set(pool, loop.clock.nowMs());
        return jobs.count(pool);
      },
      apply(tenantId, jobId, guard, patch) {
        const applying = jobs.apply(tenantId, jobId, guard, patch);
        void applying.then((outcome) => {
          if (outcome.kind === 'applied')
            noteWork(history, outcome.job, loop.clock.nowMs(), scenario.lagMsMax);
        });
        return applying;
      },
    },
  };
}

function noteWork(history: History, job: JobRecord, nowMs: number, lagMs: number): void {
  const { atWork } = history.stops;
  const { jobId, place } = job;
  const before = atWork.get(jobId);
  if (place.kind !== 'lease') {
    atWork.delete(jobId);
    if (before !== undefined) checkGivenBack(history, before, job, nowMs);
    return;
  }
  const { workerId, expiresAtMs } = place;
  const goesOn =
    before?.workerId === workerId && before.job.attempt === job.attempt && before.expiresAtMs > nowMs + lagMs;
  atWork.set(jobId, { job, workerId, expiresAtMs, sinceMs: goesOn ? before.sinceMs : nowMs });
}

/** Interrupted, and not because it failed or ran out of memory. */
function checkGivenBack(
  history: History,
  { job: before, workerId }: AtWork,
  job: JobRecord,
  nowMs: number,
): void {
  const { stops, begun } = history.stops;
  const stoppedAtMs = stops.get(workerId);
  const isInterrupted =
    job.place.kind === 'line' &&
    job.interruptions === before.interruptions + 1 &&
    job.memoryWaits === before.memoryWaits;
  if (stoppedAtMs === undefined || !isInterrupted || begun.get(job.jobId) !== job.attempt) return;
  const afterMs = nowMs - stoppedAtMs;
  if (afterMs < workerLimits.drainMs)
    violate(history, 'I11', `${job.jobId} was given back ${afterMs} ms after ${workerId} was told to stop`);
}

/**
 * Under clocks that are right: of a pool that is held back, only jobs whose leases stand count as at work. Where the fleet tells lies of
 * what was asked of it, the protection of busy workers is all that is left.
 */
export function watchFleet(
  fleet: Fleet & { desiredOf(pool: string): number },
  { loop, history, scenario }: Watch,
): Fleet {
  return {
    status: (pool) => fleet.status(pool),
    setDesired(pool, desired, before) {
      const countedAtMs = looksOfRequest()?.countedAtMs.get(pool);
      const isTrue = scenario.skewMsMax === 0 && !scenario.quirks.has('lies');
      const askedBefore = fleet.desiredOf(pool);
      const setting = fleet.setDesired(pool, desired, before);
      if (fleet.desiredOf(pool) < askedBefore && countedAtMs !== undefined && isTrue)
        checkScaleIn(history, pool, { shownMs: countedAtMs - scenario.lagMsMax, nowMs: loop.clock.nowMs() });
      return setting;
    },
  };
}

function checkScaleIn(
  history: History,
  pool: string,
  { shownMs, nowMs }: { readonly shownMs: number; readonly nowMs: number },
): void {
  for (const { job, workerId, expiresAtMs, sinceMs } of history.stops.atWork.values()) {
    if (job.pool !== pool || expiresAtMs <= nowMs || sinceMs >= shownMs) continue;
    const forMs = nowMs - sinceMs;
    violate(history, 'I11', `${pool} was made smaller while ${workerId} had ${job.jobId} for ${forMs} ms`);
  }
}

/** To be called when the process of a worker has ended by itself. */
export function checkEnded(history: History, workerId: string): void {
  const { atWork, struck } = history.stops;
  if (struck.has(workerId)) return;
  const left = [...atWork.values()].filter((each) => each.workerId === workerId);
  for (const { job } of left) violate(history, 'I11', `${workerId} ended with ${job.jobId} in hand`);
}
