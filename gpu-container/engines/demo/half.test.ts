import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16, fromHalf, toHalf } from './half.ts';

const every = Array.from({ length: 0x10000 }, (_, half) => half);
const isNan = (half: number) => Number.isNaN(fromHalf(half));

describe('half precision', () => {
  it('gives every value back, bit by bit', () => {
    expect(every.filter((half) => !isNan(half) && toHalf(fromHalf(half)) !== half)).toEqual([]);
    expect(every.filter(isNan).every((half) => isNan(toHalf(fromHalf(half))))).toBe(true);
  });

  it('knows the numbers of the standard', () => {
    expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555].map(fromHalf)).toEqual([
      1,
      -2,
      65_504,
      2 ** -24,
      2 ** -14,
      0.333251953125,
    ]);
    expect([1 / 3, 65_519, 65_520, -1e9, 2 ** -25, 2 ** -26].map(toHalf)).toEqual([
      0x3555, 0x7bff, 0x7c00, 0xfc00, 0, 0,
    ]);
  });

  it('takes the nearest, and of two as near the even one', () => {
    const between = fc.tuple(fc.integer({ min: 0, max: 0x7bfe }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(between, ([low, share]) => {
        const [below, above] = [fromHalf(low), fromHalf(low + 1)];
        const value = below + (above - below) * share;

        const got = fromHalf(toHalf(value));

        expect(Math.abs(got - value)).toBe(Math.min(value - below, above - value));
        expect(toHalf((below + above) / 2) % 2).toBe(0);
      }),
    );
  });
});

describe('bfloat16', () => {
  it('is the upper half of a float', () => {
    expect([0x3f80, 0xc000, 0x4049, 0x7f80].map(fromBfloat16)).toEqual([
      1,
      -2,
      3.140625,
      Number.POSITIVE_INFINITY,
    ]);
  });
});
