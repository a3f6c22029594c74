import { expect, it } from 'vitest';
import { waitOf } from './wait-for-job.ts';

it.each([
  ['wait', 60_000],
  ['WAIT=5', 5_000],
  ['wait = "7"', 7_000],
  ['wait=3; foo', 3_000],
  ['respond-async, wait=2', 2_000],
  ['wait=900', 60_000],
  ['wait=0', 0],
])('follows `Prefer: %s`', (prefer, waitMs) => {
  expect(waitOf({}, { prefer })).toEqual({ waitMs, headers: { 'preference-applied': 'wait' } });
});

it.each(['', 'respond-async', 'wait=soon', 'wait=-1', 'await', 'waiting=5'])(
  'ignores `Prefer: %s`, as no preference of ours',
  (prefer) => {
    expect(waitOf({}, { prefer })).toEqual({ waitMs: 0, headers: {} });
  },
);

it('lets the query win', () => {
  expect(waitOf({ wait: 0 }, { prefer: 'wait=9' })).toEqual({ waitMs: 0, headers: {} });
});
