/**
 * When each waiting call would start if nothing else came: the calls of both lines in the order in which dispatch takes
 * them, each on the worker that is free first (list scheduling, R. L. Graham, SIAM J. Appl. Math. 17, 1969). For calls
 * in a fixed order that wait for nothing but a worker, more work ahead or a worker less never makes a start earlier.
 */
import { batchShareOf } from '../dispatch/choose-batch.ts';
import type { JobClass } from '../job/job.ts';
import type { Call } from './calls.ts';

export type CallsByClass = Readonly<Record<JobClass, readonly Call[]>>;

export interface Schedule {
  /** For each call of each line, from now. */
  readonly startsInMs: Readonly<Record<JobClass, readonly number[]>>;
  /** When each worker has done all of it, soonest first. */
  readonly freeInMs: readonly number[];
}

/** `freeInMs`: when each worker can take its next call; at least one. */
export function scheduleOf(lines: CallsByClass, freeInMs: readonly number[]): Schedule {
  const free = freeInMs.toSorted((left, right) => left - right);
  const startsInMs: Record<JobClass, number[]> = { interactive: [], batch: [] };
  for (const { jobClass, call } of inOrder(lines)) {
    const startMs = free.shift() ?? 0;
    startsInMs[jobClass].push(startMs);
    insert(free, startMs + call.workMs);
  }
  return { startsInMs, freeInMs: free };
}

/** When the first of the workers is free once they shared `workMs` of further work: water poured over uneven ground. */
export function freeAfterMs(freeInMs: readonly number[], workMs: number): number {
  const free = freeInMs.toSorted((left, right) => left - right);
  let [levelMs = 0] = free;
  let leftMs = workMs;
  for (let workers = 1; workers <= free.length; workers += 1) {
    const stepMs = (free[workers] ?? Number.POSITIVE_INFINITY) - levelMs;
    if (leftMs <= workers * stepMs) return levelMs + leftMs / workers;
    leftMs -= workers * stepMs;
    levelMs += stepMs;
  }
  return levelMs;
}

/** Interactive first, with one call of the batch line in every `batchShareOf` while both wait. */
function* inOrder({ interactive, batch }: CallsByClass): Generator<{ jobClass: JobClass; call: Call }> {
  let taken = 0;
  for (const [index, call] of interactive.entries()) {
    const mate = batch[taken];
    if (index > 0 && index % (batchShareOf - 1) === 0 && mate !== undefined) {
      taken += 1;
      yield { jobClass: 'batch', call: mate };
    }
    yield { jobClass: 'interactive', call };
  }
  for (const call of batch.slice(taken)) yield { jobClass: 'batch', call };
}

function insert(sorted: number[], value: number): void {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, value);
}
