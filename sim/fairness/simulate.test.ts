import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEventHeap } from '../event-heap.ts';
import { dispatchers } from './dispatchers/every.ts';
import { idealDelays } from './ideal-sharing.ts';
import { jainIndex } from './measure.ts';
import { simulate } from './simulate.ts';
import { simJob } from './workload.ts';

describe('the event heap', () => {
  it('gives events back in order of time, and of arrival where times are equal', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 })), (times) => {
        const heap = createEventHeap<number>();
        for (const [index, atMs] of times.entries()) heap.push(atMs, index);

        const popped = times.map(() => heap.pop());

        const sorted = times.map((atMs, event) => ({ atMs, event })).toSorted((a, b) => a.atMs - b.atMs);
        expect(popped).toMatchObject(sorted);
        expect(heap.pop()).toBeNull();
      }),
    );
  });
});

describe('every dispatcher', () => {
  const anyJobs = fc
    .array(
      fc.record({
        tenantId: fc.constantFrom('a', 'b', 'c'),
        arrivedAtMs: fc.nat({ max: 500 }),
        usedGpuMs: fc.integer({ min: 1, max: 100 }),
        predictedGpuMs: fc.integer({ min: 1, max: 135 }),
      }),
      { maxLength: 60 },
    )
    .map((items) => items.map((item, index) => simJob({ ...item, jobId: String(index).padStart(3, '0') })));

  it.each(Object.entries(dispatchers))('serves every job once and never idles: %s', (_, create) => {
    fc.assert(
      fc.property(anyJobs, fc.integer({ min: 1, max: 4 }), (jobs, workers) => {
        const served = simulate({ workers, jobs }, create());

        expect(new Set(served.map(({ job }) => job))).toEqual(new Set(jobs));
        expect(served).toHaveLength(jobs.length);
        for (const { job, startedAtMs } of served) {
          if (startedAtMs === job.arrivedAtMs) continue;
          const busy = served.filter(
            (run) => run.startedAtMs < startedAtMs && run.finishedAtMs >= startedAtMs,
          );
          expect(busy.length).toBeGreaterThanOrEqual(workers);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('ideal sharing', () => {
  const cost = (usedGpuMs: number) => ({ usedGpuMs, predictedGpuMs: usedGpuMs });

  it('runs two tenants at half speed on one worker, and gives the rest to who is left', () => {
    const short = simJob({ jobId: '1', tenantId: 'a', arrivedAtMs: 0, ...cost(100) });
    const long = simJob({ jobId: '2', tenantId: 'b', arrivedAtMs: 0, ...cost(300) });

    const delays = idealDelays([short, long], 1);

    expect(delays.get(short)).toBeCloseTo(100);
    expect(delays.get(long)).toBeCloseTo(100);
  });

  it('gives one job one worker at most, and a heavier tenant more', () => {
    const light = simJob({ jobId: '1', tenantId: 'a', arrivedAtMs: 0, ...cost(100) });
    const heavy = ['2', '3'].map((jobId) =>
      simJob({ jobId, tenantId: 'b', weight: 3, arrivedAtMs: 0, ...cost(300) }),
    );

    const delays = idealDelays([light, ...heavy], 2);

    expect(delays.get(light)).toBeCloseTo(100);
    expect(heavy.map((job) => Math.round(delays.get(job) ?? 0))).toEqual([0, 100]);
  });
});

describe('Jain’s index', () => {
  it('is 1 for equal shares and 1/n when one has everything', () => {
    expect(jainIndex([3, 3, 3])).toBe(1);
    expect(jainIndex([5, 0, 0, 0])).toBe(0.25);
  });
});
