import { describe, expect, it } from 'vitest';
import { createFifo } from '#sim/fairness/dispatchers/fifo.ts';
import { createPilotlight } from '#sim/fairness/dispatchers/pilotlight.ts';
import type { SimJob } from '#sim/fairness/simulate.ts';
import { simJob } from '#sim/fairness/workload.ts';
import { createGated } from './gated.ts';
import type { SimTenant } from './hour.ts';
import { loadMs, makeHour, model } from './hour.ts';
import { longestNeglectMs, sharingOf, sliceWaitsOf, waitsOf } from './promise.ts';
import { runHour } from './run-hour.ts';
import { bars, brokenPromises } from './verdict.ts';

const minute = 60_000;

describe('an hour of fifty tenants on eight cards', () => {
  it('keeps what each plan promises, and its costs are the bill', () => {
    const run = runHour(1, () => createPilotlight());

    expect(run.tenants).toHaveLength(50);
    expect(run.busyShare).toBeGreaterThan(0.99);
    expect(brokenPromises([run])).toEqual([]);
    expect(run.sharing.jain).toBeGreaterThanOrEqual(bars.jain);
    const paid = run.cost.tenants.reduce((sum, { sharedUsdMicros }) => sum + sharedUsdMicros, 0);
    expect(paid).toBe(run.cost.billUsdMicros);
    expect(run.cost.operatorUsdMicros).toBe(0);
  }, 10_000);

  it('breaks them under first come, first served: the promises can fail', () => {
    const run = runHour(1, createFifo);

    const broken = brokenPromises([run]);

    expect(run.sharing.jain).toBeLessThan(0.7);
    for (const fault of ['below its share waited', 'own slice', 'was passed over', 'Jain']) {
      expect(broken.some((each) => each.includes(fault))).toBe(true);
    }
  }, 10_000);

  it('asks for the same with the same seed, and a tenant for the same whoever else is there', () => {
    const [once, again] = [makeHour({ seed: 3 }), makeHour({ seed: 3 })];
    const quiet = makeHour({ seed: 3, kinds: ['steady', 'bursty'] });

    expect(once.jobs).toEqual(again.jobs);
    expect(makeHour({ seed: 4 }).jobs).not.toEqual(once.jobs);
    const kept = new Set(quiet.tenants.map(({ tenantId }) => tenantId));
    expect(once.jobs.filter(({ tenantId }) => kept.has(tenantId))).toEqual(quiet.jobs);
    expect(quiet.tenants.every((tenant) => once.tenants.some((each) => isSame(each, tenant)))).toBe(true);
  });
});

describe('admission in the hour', () => {
  const free = tenantOf({ tenantId: 'free', plan: 'free' });

  it('refuses by the limits of the plan, and frees an open job when it settles', () => {
    const jobs = Array.from({ length: 8 }, (_, index) => jobAt(index * 1_000, { jobId: `j${index}` }));
    const later = jobAt(minute, { jobId: 'later' });
    const last = jobAt(minute + 1, { jobId: 'last' });
    const { gated, admitted } = gate([...jobs, later, last]);

    for (const job of jobs) gated.admit(job, job.arrivedAtMs);
    gated.admit(later, minute);
    const [first] = jobs;
    if (first !== undefined) gated.settle(first, minute);
    gated.admit(last, minute + 1);

    expect(admitted.map(({ jobId }) => jobId)).toEqual(['j0', 'j1', 'j2', 'j3', 'j4', 'last']);
    expect(gated.refused.map(({ job, by }) => [job.jobId, by])).toEqual([
      ...['j5', 'j6', 'j7'].map((jobId) => [jobId, 'requests_per_minute']),
      ['later', 'open_jobs_max'],
    ]);
  });

  it('refuses a picture that is larger than the plan allows, whatever is open', () => {
    const large = jobAt(0, { jobId: 'large' });
    const { gated, admitted } = gate([large], 1024);

    gated.admit(large, 0);

    expect(gated.refused.map(({ by }) => by)).toEqual(['input.size']);
    expect(admitted).toEqual([]);
  });

  function gate(jobs: readonly SimJob[], size = 512) {
    const admitted: SimJob[] = [];
    const works = new Map(jobs.map((job) => [job, model.workOf({ size })]));
    const hour = { cards: 1, tenants: [free], jobs, works };
    const gated = createGated(hour, {
      admit: (job) => void admitted.push(job),
      claim: () => [],
      settle: () => undefined,
    });
    return { gated, admitted };
  }
});

describe('what is measured of an hour', () => {
  const light = tenantOf({ tenantId: 'light', weight: 1 });
  const heavy = tenantOf({ tenantId: 'heavy', weight: 4 });

  it('counts shares only while a tenant had work waiting, against its weight among those that had', () => {
    const fair = { light: 1, heavy: 4 };
    const served = busyMinutes(fair, 10);

    const { jain, received, windows } = sharingOf(served, [light, heavy], minute);

    expect(jain).toBeCloseTo(1, 3);
    expect([...received.values()].every((part) => Math.abs(part - 1) < 0.05)).toBe(true);
    expect(windows.get('light')).toBeGreaterThanOrEqual(8);
    expect(sharingOf(busyMinutes({ light: 4, heavy: 4 }, 10), [light, heavy], minute).jain).toBeLessThan(0.8);
    expect(sharingOf(served, [heavy], minute).windows.size).toBe(0);
  });

  it('waits on a slice for as long as the slice needs for what came before', () => {
    const own = tenantOf({ tenantId: 'own', shareCards: 0.1 });
    const served = [0, 1_000, 60_000].map((arrivedAtMs, index) => ({
      job: jobAt(arrivedAtMs, { tenantId: 'own', jobId: `j${index}`, usedGpuMs: 1_000 }),
      worker: 0,
      startedAtMs: arrivedAtMs + 5,
      finishedAtMs: arrivedAtMs + 1_005,
    }));

    expect(sliceWaitsOf(served, own)).toEqual([0, 9_000, 0]);
    expect(waitsOf(served, 'own')).toEqual([5, 5, 5]);
  });

  it('is passed over from its arrival or the start of the job before, whichever is later', () => {
    const at = (arrivedAtMs: number, startedAtMs: number) => ({
      job: jobAt(arrivedAtMs, { tenantId: 'own', jobId: `at-${startedAtMs}` }),
      worker: 0,
      startedAtMs,
      finishedAtMs: startedAtMs + 1,
    });

    expect(longestNeglectMs([at(0, 10), at(0, 30), at(100, 115)], 'own')).toBe(20);
    expect(longestNeglectMs([], 'own')).toBe(0);
  });

  /** Both have work waiting all the time, and get so many seconds of every ten on one card. */
  function busyMinutes(seconds: Readonly<Record<string, number>>, minutes: number) {
    const total = Object.values(seconds).reduce((sum, each) => sum + each, 0);
    let startedAtMs = loadMs;
    return Array.from({ length: minutes * 12 }, (_, round) => round).flatMap((round) =>
      Object.entries(seconds).map(([tenantId, share]) => {
        const usedGpuMs = (5_000 * share) / total;
        const finishedAtMs = startedAtMs + usedGpuMs;
        const job = jobAt(0, { tenantId, jobId: `${tenantId}-${round}`, usedGpuMs });
        const run = { job, worker: 0, startedAtMs, finishedAtMs };
        startedAtMs = finishedAtMs;
        return run;
      }),
    );
  }
});

function jobAt(arrivedAtMs: number, given: Partial<SimJob> & { jobId: string }): SimJob {
  return simJob({ tenantId: 'free', arrivedAtMs, predictedGpuMs: 1_000, usedGpuMs: 1_000, ...given });
}

function tenantOf(given: Partial<SimTenant>): SimTenant {
  return { tenantId: 'a', plan: 'free', kind: 'steady', weight: 1, shareCards: 0.5, ...given };
}

function isSame(left: SimTenant, right: SimTenant): boolean {
  return left.tenantId === right.tenantId && left.shareCards === right.shareCards;
}
