import { describe, expect, it } from 'vitest';
import { createManualClock } from './manual-clock.ts';

describe('a manual clock', () => {
  it('stands still until it is advanced', async () => {
    const clock = createManualClock(1_000);
    expect(clock.nowMs()).toBe(1_000);

    await clock.advance(250);

    expect(clock.nowMs()).toBe(1_250);
  });

  it('ends sleeps at their own instants, in the order they fall due, and equal ones in the order they began', async () => {
    const clock = createManualClock();
    const woken: string[] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.nowMs()}`);
    };
    const all = Promise.all([sleeper('c', 30), sleeper('a', 10), sleeper('b', 10), sleeper('late', 31)]);

    await clock.advance(30);

    expect(woken).toEqual(['a@10', 'b@10', 'c@30']);
    expect(clock.nextWakeMs()).toBe(31);
    await clock.advance(1);
    await all;
    expect(clock.nextWakeMs()).toBeNull();
  });

  it('lets one that wakes sleep again within the same advance', async () => {
    const clock = createManualClock();
    const ticks: number[] = [];
    const ticking = (async () => {
      for (let tick = 0; tick < 4; tick += 1) {
        await clock.sleep(10);
        ticks.push(clock.nowMs());
      }
    })();

    await clock.advance(35);

    expect(ticks).toEqual([10, 20, 30]);
    await clock.advance(5);
    await ticking;
  });

  it('ends a sleep at once when its signal aborts, before or during it', async () => {
    const clock = createManualClock();
    const stop = new AbortController();
    const sleeping = clock.sleep(1_000, stop.signal);

    stop.abort();

    await sleeping;
    await clock.sleep(1_000, stop.signal);
    expect(clock.nowMs()).toBe(0);
    expect(clock.nextWakeMs()).toBeNull();
  });
});
