import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Packed } from './packing.ts';
import { fillBatch, inTheWay, mayJoin, roomMbOf } from './packing.ts';

const anyRoom = { jobsMax: 8, roomMb: Number.POSITIVE_INFINITY };

describe('fillBatch', () => {
  it('takes mates in their order while the card has room, and passes over one that is too large', () => {
    const batch = fillBatch([job('a', 4)], [job('b', 4), job('c', 9), job('d', 2)], {
      jobsMax: 8,
      roomMb: 10,
    });

    expect(batch.map(({ tenantId }) => tenantId)).toEqual(['b', 'd']);
  });

  it('keeps a tenant to its allotment beside others that have none', () => {
    const mates = [job('a', 4, 10), job('b', 4), job('a', 4, 10), job('b', 4)];

    const batch = fillBatch([job('a', 4, 10)], mates, anyRoom);

    expect(batch.map(({ tenantId }) => tenantId)).toEqual(['a', 'b', 'b']);
  });

  it('takes no more jobs of a tenant than may run at once', () => {
    const bounded = { ...job('a', 1), runningJobsMax: 2 };

    const batch = fillBatch([bounded], [bounded, bounded, job('b', 1)], anyRoom);

    expect(batch.map(({ tenantId }) => tenantId)).toEqual(['a', 'b']);
  });

  it('keeps the smallest allotment that jobs of one tenant carry', () => {
    expect(mayJoin([job('a', 6, 10)], job('a', 6, 20), anyRoom.roomMb)).toBe(false);
    expect(mayJoin([job('a', 6, 20)], job('a', 4, 10), anyRoom.roomMb)).toBe(true);
  });

  it('breaks no allotment and no card, and leaves nobody out who fits', () => {
    fc.assert(
      fc.property(anyHead, fc.array(anyJob, { maxLength: 16 }), anyBounds, (head, mates, bounds) => {
        const roomMb = bounds.roomMb + head.memoryMb;
        const joined = fillBatch([head], mates, { ...bounds, roomMb });
        const batch = [head, ...joined];
        const left = mates.filter((mate) => !joined.includes(mate));

        expect(batch.length).toBeLessThanOrEqual(bounds.jobsMax);
        expect(sumMb(batch)).toBeLessThanOrEqual(roomMb);
        for (const { tenantId } of batch) {
          const own = batch.filter((each) => each.tenantId === tenantId);
          for (const { allotmentMb } of own) {
            expect(sumMb(own)).toBeLessThanOrEqual(allotmentMb ?? Number.POSITIVE_INFINITY);
          }
        }
        if (batch.length < bounds.jobsMax) {
          expect(left.filter((mate) => mayJoin(batch, mate, roomMb))).toEqual([]);
        }
      }),
    );
  });

  it('takes the first that come where no card and no allotment is known', () => {
    fc.assert(
      fc.property(fc.array(anyJob, { maxLength: 16 }), fc.integer({ min: 1, max: 8 }), (jobs, jobsMax) => {
        const free = jobs.map((each) => ({ ...each, allotmentMb: null }));

        const joined = fillBatch([job('head', 1)], free, { ...anyRoom, jobsMax });

        expect(joined).toEqual(free.slice(0, jobsMax - 1));
      }),
    );
  });
});

describe('roomMbOf', () => {
  it('is the card without its reserve and the weights', () => {
    expect(roomMbOf({ isolation: 'shared', allotmentMb: 5_000 }, 3_600, 24_000)).toBe(21_600 - 3_600);
  });

  it("is also the cap without the weights in a process of the tenant's own", () => {
    expect(roomMbOf({ isolation: 'process', allotmentMb: 10_000 }, 3_600, 24_000)).toBe(6_400);
    expect(roomMbOf({ isolation: 'process', allotmentMb: 50_000 }, 3_600, 24_000)).toBe(18_000);
  });

  it('has no end where nothing is known, and is negative where not even the weights fit', () => {
    expect(roomMbOf({ isolation: 'shared', allotmentMb: null }, 3_600, undefined)).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(roomMbOf({ isolation: 'shared', allotmentMb: null }, 20_500, 16_000)).toBeLessThan(0);
  });
});

describe('inTheWay', () => {
  const residents = [{ mb: 3 }, { mb: 5 }, { mb: 2 }];

  it('is nobody while there is room, then the first, as many as it takes', () => {
    expect(inTheWay(residents, 4, 14)).toEqual([]);
    expect(inTheWay(residents, 5, 14)).toEqual([{ mb: 3 }]);
    expect(inTheWay(residents, 8, 14)).toEqual([{ mb: 3 }, { mb: 5 }]);
  });

  it('is everybody where even that is not enough', () => {
    expect(inTheWay(residents, 20, 14)).toEqual(residents);
  });
});

function job(tenantId: string, memoryMb: number, allotmentMb: number | null = null): Packed {
  return { tenantId, memoryMb, allotmentMb, runningJobsMax: null };
}

function sumMb(jobs: readonly Packed[]): number {
  return jobs.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
}

/** As admission leaves them: alone, each fits its tenant's allotment. */
const anyJob: fc.Arbitrary<Packed> = fc
  .record({
    tenantId: fc.constantFrom('a', 'b', 'c'),
    memoryMb: fc.integer({ min: 0, max: 12 }),
    spareMb: fc.option(fc.integer({ min: 0, max: 20 })),
  })
  .map(({ tenantId, memoryMb, spareMb }) =>
    job(tenantId, memoryMb, spareMb === null ? null : memoryMb + spareMb),
  );
const anyHead = anyJob;
const anyBounds = fc.record({
  jobsMax: fc.integer({ min: 1, max: 8 }),
  roomMb: fc.integer({ min: 0, max: 60 }),
});
