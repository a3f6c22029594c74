/**
 * I11: nobody takes a worker away from a pool that has work, unless an operator emptied it. Told from the records and from what
 * the fleet was asked for, so long after either changed that no decision from before can still be on its way, nor a word of
 * the fleet from before.
 */
import type { JobRecord } from '#core/job/job.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { holdMsMax } from './process.ts';

/** A process that was held goes on with what it had seen; its calls take a while as well. */
const settledMs = holdMsMax + 50_000;

export interface BusyPools {
  /** By pool: open jobs, and since when there are any. */
  readonly open: Map<string, { readonly jobs: number; readonly sinceMs: number }>;
  /** By pool: workers that were asked for, and since when. */
  readonly desired: Map<string, { readonly workers: number; readonly sinceMs: number }>;
  /** Pools that an operator has emptied or paused at some time. */
  readonly ordered: Set<string>;
}

export function createBusyPools(): BusyPools {
  return { open: new Map(), desired: new Map(), ordered: new Set() };
}

/** To be called with each job before it counts as stored. */
export function noteOpen({ busyPools: { open }, stored }: History, job: JobRecord, nowMs: number): void {
  const { jobId, pool, place } = job;
  const before = stored.get(jobId);
  const [wasOpen, isOpen] = [before !== undefined && before.place.kind !== 'done', place.kind !== 'done'];
  if (wasOpen === isOpen) return;
  const { jobs, sinceMs } = open.get(pool) ?? { jobs: 0, sinceMs: nowMs };
  open.set(pool, { jobs: jobs + (isOpen ? 1 : -1), sinceMs: jobs === 0 ? nowMs : sinceMs });
}

/** What the fleet is asked for; it may tell of itself so late. */
export interface AskedWorkers {
  readonly pool: string;
  readonly workers: number;
  readonly nowMs: number;
  readonly lateMs: number;
}

/** To be called with each of those as it is asked. */
export function checkAsked(history: History, { pool, workers, nowMs, lateMs }: AskedWorkers): void {
  const { open, desired, ordered } = history.busyPools;
  const before = desired.get(pool) ?? { workers: 0, sinceMs: nowMs };
  if (before.workers === workers) return;
  desired.set(pool, { workers, sinceMs: nowMs });
  const { jobs, sinceMs } = open.get(pool) ?? { jobs: 0, sinceMs: nowMs };
  const isSettled = nowMs - Math.max(sinceMs, before.sinceMs) > settledMs + lateMs;
  if (workers < before.workers && jobs > 0 && isSettled && !ordered.has(pool))
    violate(
      history,
      'I11',
      `${pool} has ${jobs} open jobs, and ${workers} workers of ${before.workers} stay`,
    );
}
