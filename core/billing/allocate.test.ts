import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate } from './allocate.ts';

describe('allocate', () => {
  it('gives the whole parts first and the rest to the largest remainders, equal ones by name', () => {
    const weights = new Map(Object.entries({ c: 1, b: 1, a: 1, none: 0 }));

    expect(allocate(8, weights)).toEqual(new Map(Object.entries({ a: 3, b: 3, c: 2 })));
    expect(allocate(10, new Map(Object.entries({ a: 1, b: 2 })))).toEqual(
      new Map(Object.entries({ b: 7, a: 3 })),
    );
  });

  it('gives nobody anything where nobody has a weight', () => {
    expect(allocate(10, new Map())).toEqual(new Map());
    expect(allocate(10, new Map([['a', 0]]))).toEqual(new Map());
  });

  it('adds up exactly, with none further than one from its quota, whatever the order and however large', () => {
    const weight = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: Number.MAX_SAFE_INTEGER }));
    const named = fc.uniqueArray(fc.tuple(fc.string({ maxLength: 3 }), weight), {
      selector: ([name]) => name,
      minLength: 1,
      maxLength: 30,
    });

    fc.assert(
      fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), named, (amount, pairs) => {
        const parts = allocate(amount, new Map(pairs));

        const total = pairs.reduce((sum, [, each]) => sum + BigInt(each), 0n);
        const given = [...parts.values()].reduce((sum, part) => sum + BigInt(part), 0n);
        expect(given).toBe(total === 0n ? 0n : BigInt(amount));
        for (const [name, each] of pairs) {
          const quota = total === 0n ? 0n : (BigInt(amount) * BigInt(each)) / total;
          expect([quota, quota + 1n]).toContain(BigInt(parts.get(name) ?? 0));
        }
        expect(new Map(allocate(amount, new Map(pairs.toReversed())))).toEqual(parts);
      }),
      { numRuns: 2_000 },
    );
  });
});
