/** A clock that stands still until it is told to move. */
import type { Clock } from '#core/ports/process.ts';
import { insertSorted } from './sorted.ts';

export interface ManualClock extends Clock {
  /**
   * Moves time by `ms`. Every sleep that falls due ends at its own instant, in order, and what wakes up runs as far
   * as it can before the next one ends: it may sleep again within the same advance.
   */
  advance(ms: number): Promise<void>;
  /** When the next sleep ends, or null when nobody sleeps. */
  nextWakeMs(): number | null;
}

interface Sleeper {
  readonly wakeMs: number;
  readonly order: number;
  readonly wake: () => void;
}

export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs;
  let order = 0;
  const sleepers: Sleeper[] = [];

  return {
    nowMs: () => nowMs,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const stop = () => {
          sleepers.splice(sleepers.indexOf(sleeper), 1);
          resolve();
        };
        order += 1;
        const sleeper: Sleeper = {
          wakeMs: nowMs + Math.max(0, ms),
          order,
          wake: () => {
            signal?.removeEventListener('abort', stop);
            resolve();
          },
        };
        signal?.addEventListener('abort', stop, { once: true });
        insertSorted(
          sleepers,
          sleeper,
          (left, right) => left.wakeMs - right.wakeMs || left.order - right.order,
        );
      });
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await settled();
      for (let next = sleepers[0]; next !== undefined && next.wakeMs <= endMs; next = sleepers[0]) {
        sleepers.shift();
        nowMs = next.wakeMs;
        next.wake();
        await settled();
      }
      nowMs = endMs;
    },
    nextWakeMs: () => sleepers[0]?.wakeMs ?? null,
  };
}

/** Resolves after everything that can run now has run: promise callbacks come before the next turn of the loop. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
