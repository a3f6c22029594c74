import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freeAfterMs, scheduleOf } from './schedule.ts';

const call = (workMs: number) => ({ jobs: 1, workMs });
const anyCalls = fc.array(fc.nat({ max: 10_000 }).map(call), { maxLength: 30 });
const anyFree = fc.array(fc.nat({ max: 20_000 }), { minLength: 1, maxLength: 6 });

describe('a schedule', () => {
  it('gives each call to the worker that is free first', () => {
    const lines = { interactive: [call(5), call(1), call(1), call(1)], batch: [] };

    expect(scheduleOf(lines, [0, 2])).toEqual({
      startsInMs: { interactive: [0, 2, 3, 4], batch: [] },
      freeInMs: [5, 5],
    });
  });

  it('lets one batch call in for every four interactive ones while both wait, and the rest after', () => {
    const lines = {
      interactive: Array.from({ length: 9 }, () => call(10)),
      batch: [call(1), call(1), call(1)],
    };

    const { startsInMs } = scheduleOf(lines, [0]);

    expect(startsInMs.interactive).toEqual([0, 10, 20, 30, 41, 51, 61, 71, 82]);
    expect(startsInMs.batch).toEqual([40, 81, 92]);
  });

  it('never starts a call later for a worker more, or for one that is free sooner', () => {
    fc.assert(
      fc.property(anyCalls, anyCalls, anyFree, fc.nat({ max: 20_000 }), (interactive, batch, free, extra) => {
        const lines = { interactive, batch };
        const before = scheduleOf(lines, free).startsInMs;

        const more = scheduleOf(lines, [...free, extra]).startsInMs;
        const sooner = scheduleOf(
          lines,
          free.map((ms) => Math.max(0, ms - extra)),
        ).startsInMs;

        for (const line of ['interactive', 'batch'] as const) {
          for (const [index, startMs] of before[line].entries()) {
            expect(more[line][index]).toBeLessThanOrEqual(startMs);
            expect(sooner[line][index]).toBeLessThanOrEqual(startMs);
          }
        }
      }),
    );
  });

  it('never starts a call sooner for more work in one that goes before', () => {
    fc.assert(
      fc.property(anyCalls, anyFree, fc.nat(), fc.nat({ max: 10_000 }), (calls, free, at, moreMs) => {
        const longer = calls.map((each, index) =>
          index === at % Math.max(1, calls.length) ? call(each.workMs + moreMs) : each,
        );
        const before = scheduleOf({ interactive: calls, batch: [] }, free).startsInMs.interactive;

        const after = scheduleOf({ interactive: longer, batch: [] }, free).startsInMs.interactive;

        for (const [index, startMs] of before.entries()) expect(after[index]).toBeGreaterThanOrEqual(startMs);
      }),
    );
  });
});

describe('work poured over workers', () => {
  it.each([
    [[0], 10, 10],
    [[0, 0], 10, 5],
    [[0, 4], 2, 2],
    [[0, 4], 10, 7],
    [[9, 1, 2], 0, 1],
  ])('that are free in %j: %i ms of it leave one free after %i ms', (free, workMs, afterMs) => {
    expect(freeAfterMs(free, workMs)).toBe(afterMs);
  });

  it('fills exactly as much as there is', () => {
    fc.assert(
      fc.property(anyFree, fc.nat({ max: 100_000 }), (free, workMs) => {
        const levelMs = freeAfterMs(free, workMs);

        const filledMs = free.reduce((sum, ms) => sum + Math.max(0, levelMs - ms), 0);
        expect(filledMs).toBeCloseTo(workMs, 6);
      }),
    );
  });
});
