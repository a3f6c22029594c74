import { expect, it } from 'vitest';
import { defaultRepeats, delayAfter } from './repeating.ts';

const delays = (random: number) => (tried: number, retryAfterMs: number | null) =>
  delayAfter({ ...defaultRepeats, random: () => random }, tried, retryAfterMs);

it('waits longer after every try, between half and the whole of its step', () => {
  expect([1, 2, 3].map((tried) => delays(0)(tried, null))).toEqual([150, 300, 600]);
  expect([1, 2, 3].map((tried) => delays(1)(tried, null))).toEqual([300, 600, 1200]);
});

it('gives up after the fourth try', () => {
  expect(delays(0)(4, null)).toBeNull();
  expect(delays(0)(4, 1_000)).toBeNull();
});

it('obeys the service, spreads callers out, and gives up rather than keep a person waiting', () => {
  expect(delays(0)(1, 2_000)).toBe(2_000);
  expect(delays(1)(1, 2_000)).toBe(2_200);
  expect(delays(0)(1, 15_001)).toBeNull();
});
