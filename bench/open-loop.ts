/** Load that does not wait for answers: requests start when they are due, whatever became of those before. */
import { setTimeout as delay } from 'node:timers/promises';
import { randomOf } from './random.ts';

export interface OpenLoop {
  readonly perSecond: number;
  readonly requests: number;
  readonly seed: number;
}

/**
 * Milliseconds from the moment that each request was due, at random distances as of many users (a Poisson process), to its
 * answer. Throws what `ask` throws.
 */
export async function latenciesOf(
  ask: () => Promise<void>,
  { perSecond, requests, seed }: OpenLoop,
): Promise<number[]> {
  const random = randomOf(seed);
  const startedAtMs = performance.now();
  let dueMs = 0;
  const asked: Promise<number>[] = [];
  for (let count = 0; count < requests; count += 1) {
    dueMs += (-Math.log(1 - random()) * 1000) / perSecond;
    const dueAtMs = startedAtMs + dueMs;
    await delay(Math.max(0, dueAtMs - performance.now()));
    asked.push(ask().then(() => performance.now() - dueAtMs));
  }
  return Promise.all(asked);
}
