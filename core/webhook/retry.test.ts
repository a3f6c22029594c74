import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { webhookLimits } from '../limits.ts';
import { sampleNowMs } from '../samples.ts';
import { readRetryAfter, retryDelayMs } from './retry.ts';

const { retryDelaysMs, giveUpAfterMs, retryAfterMsMax } = webhookLimits;

/** Waits until nobody tries any more, where every try takes `tryMs` and the receiver asks for `retryAfterMs`. */
function waits(ask: { chance: number; retryAfterMs: number | null; tryMs: number }): number[] {
  const all: number[] = [];
  let sinceFirstMs = ask.tryMs;
  for (;;) {
    const delayMs = retryDelayMs({ ...ask, triesSpent: all.length + 1, sinceFirstMs });
    if (delayMs === null) return all;
    all.push(delayMs);
    sinceFirstMs += delayMs + ask.tryMs;
  }
}

describe('the waits between tries', () => {
  it('are the steps of the schedule, the last one within a day', () => {
    const all = waits({ chance: 0, retryAfterMs: null, tryMs: webhookLimits.timeoutMs });

    expect(all).toEqual(retryDelaysMs);
    expect(all.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(giveUpAfterMs * 0.95);
  });

  it('are never longer than a step nor shorter by more than a fifth', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (chance) => {
        const all = waits({ chance, retryAfterMs: null, tryMs: 0 });

        expect(all).toHaveLength(retryDelaysMs.length);
        for (const [index, delayMs] of all.entries()) {
          const step = retryDelaysMs[index] ?? 0;
          expect(delayMs).toBeLessThanOrEqual(step);
          expect(delayMs).toBeGreaterThanOrEqual(step * 0.8);
        }
      }),
    );
  });

  it('are as long as the receiver asks, and it cannot ask for more than a day of them', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10 * 24 * 3_600_000 }), (retryAfterMs) => {
        const all = waits({ chance: 1, retryAfterMs, tryMs: 0 });

        expect(all.every((each) => each >= Math.min(retryAfterMs, retryAfterMsMax))).toBe(true);
        expect(all.length).toBeGreaterThanOrEqual(3);
        expect(all.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(giveUpAfterMs);
      }),
    );
  });
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Sun, 17 Mar 2030 17:47:40 GMT', 60_000],
    ['Sun, 17 Mar 2030 17:45:40 GMT', 0],
    [undefined, null],
    ['', null],
    ['-5', null],
    ['1e3', null],
    ['9999999999', null],
    ['soon', null],
    ['2030-03-17', null],
    ['Xxx, 99 Foo 2030 99:99:99 GMT', null],
  ])('of %j is read as %j', (header, expected) => {
    expect(readRetryAfter(header, sampleNowMs)).toBe(expected);
  });
});
