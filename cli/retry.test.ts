import { expect, it } from 'vitest';
import { delayAfter } from './retry.ts';

it('waits longer after every try, between half and the whole of its step', () => {
  expect([1, 2, 3].map((tried) => delayAfter(tried, null, 0))).toEqual([150, 300, 600]);
  expect([1, 2, 3].map((tried) => delayAfter(tried, null, 1))).toEqual([300, 600, 1200]);
});

it('gives up after the fourth try', () => {
  expect(delayAfter(4, null, 0)).toBeNull();
  expect(delayAfter(4, 1_000, 0)).toBeNull();
});

it('obeys the service, spreads callers out, and gives up rather than keep a person waiting', () => {
  expect(delayAfter(1, 2_000, 0)).toBe(2_000);
  expect(delayAfter(1, 2_000, 1)).toBe(2_200);
  expect(delayAfter(1, 15_001, 0)).toBeNull();
});
