import { expect, it } from 'vitest';
import { decimalUsd } from './job-answer.ts';

it.each([
  [0, '0'],
  [1, '0.000001'],
  [321, '0.000321'],
  [1_250, '0.00125'],
  [1_000_000, '1'],
  [12_340_000, '12.34'],
  [Number.MAX_SAFE_INTEGER, '9007199254.740991'],
])('writes %i micro-USD as %s USD', (usdMicros, text) => {
  expect(decimalUsd(usdMicros)).toBe(text);
});
