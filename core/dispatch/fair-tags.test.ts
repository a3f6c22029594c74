import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineName, startTag, tagCost, trueUpDelta } from './fair-tags.ts';

describe('tagCost', () => {
  it('is GPU microseconds over weight, rounded up', () => {
    expect(tagCost(800, 1)).toBe(800_000);
    expect(tagCost(800, 16)).toBe(50_000);
    expect(tagCost(1, 3)).toBe(334);
  });

  it('is a whole number and never zero', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 1_000 }), (predictedGpuMs, weight) => {
        const cost = tagCost(predictedGpuMs, weight);

        expect(Number.isSafeInteger(cost)).toBe(true);
        expect(cost).toBeGreaterThanOrEqual(1);
      }),
    );
  });
});

describe('startTag', () => {
  it('is where the tenant had got to before this job', () => {
    expect(startTag(1_500, 500, 900)).toEqual({ tag: 1_000, lift: null });
    expect(startTag(1_500, 500, 1_000)).toEqual({ tag: 1_000, lift: null });
  });

  it('lets a tenant that was idle join at the virtual time, without the credit of its absence', () => {
    expect(startTag(500, 500, 9_000)).toEqual({ tag: 9_000, lift: { upTo: 9_000, to: 9_500 } });
  });

  it('never starts before the virtual time', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (before, cost, virtualTime) => {
        const { tag, lift } = startTag(before + cost, cost, virtualTime);

        expect(tag).toBe(Math.max(before, virtualTime));
        expect(lift?.to ?? null).toBe(before < virtualTime ? virtualTime + cost : null);
        if (lift !== null) expect(lift.upTo).toBe(Math.max(before + cost, virtualTime));
      }),
    );
  });
});

describe('trueUpDelta', () => {
  it('turns what was predicted into what was used, at the same weight', () => {
    expect(trueUpDelta({ tagCost: 50_000, predictedGpuMs: 800 }, 1_080)).toBe(17_500);
    expect(trueUpDelta({ tagCost: 50_000, predictedGpuMs: 800 }, 400)).toBe(-25_000);
    expect(trueUpDelta({ tagCost: 50_000, predictedGpuMs: 800 }, 800)).toBe(0);
  });

  it('gives everything back for a job that used nothing, and survives a prediction of nothing', () => {
    expect(trueUpDelta({ tagCost: 50_000, predictedGpuMs: 800 }, 0)).toBe(-50_000);
    expect(trueUpDelta({ tagCost: 1, predictedGpuMs: 0 }, 7)).toBe(6);
  });
});

describe('lineName', () => {
  it('tells the classes of a pool apart', () => {
    expect(lineName('demo', 'interactive')).not.toBe(lineName('demo', 'batch'));
  });
});

describe('a line in order of start tags', () => {
  it('shares GPU time by weight between tenants that keep it full, to within one job', () => {
    const job = fc.integer({ min: 1, max: 5_000 });
    const jobs = fc.array(job, { minLength: 60, maxLength: 60 });
    const weight = fc.integer({ min: 1, max: 16 });

    fc.assert(
      fc.property(jobs, jobs, weight, weight, (mine, theirs, myWeight, theirWeight) => {
        const line = [...tagged('mine', mine, myWeight), ...tagged('theirs', theirs, theirWeight)].toSorted(
          (left, right) => left.tag - right.tag,
        );
        const served = { mine: 0, theirs: 0 };
        const left = { mine: mine.length, theirs: theirs.length };

        for (const next of line) {
          // From here on one of the two keeps the line full no more, and the other gets everything.
          if (left.mine === 0 || left.theirs === 0) break;
          served[next.tenant] += next.cost;
          left[next.tenant] -= 1;

          const oneJobEach = tagCost(5_000, myWeight) + tagCost(5_000, theirWeight);
          expect(Math.abs(served.mine - served.theirs)).toBeLessThanOrEqual(oneJobEach);
        }
      }),
      { numRuns: 50 },
    );
  });
});

/** A backlog of one tenant, tagged as submission tags it; `cost` is weighted GPU time. */
function tagged(tenant: 'mine' | 'theirs', gpuMs: readonly number[], weight: number) {
  let finishTag = 0;
  return gpuMs.map((predictedGpuMs) => {
    const cost = tagCost(predictedGpuMs, weight);
    finishTag += cost;
    return { tenant, cost, ...startTag(finishTag, cost, 0) };
  });
}
