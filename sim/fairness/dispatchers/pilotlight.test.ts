import { describe, expect, it } from 'vitest';
import { burstWorkload } from '../burst.ts';
import { measure } from '../measure.ts';
import type { Served, SimJob } from '../simulate.ts';
import { simulate } from '../simulate.ts';
import { weightsWorkload } from '../weights.ts';
import { simJob } from '../workload.ts';
import { dispatchers } from './every.ts';
import { createPilotlight } from './pilotlight.ts';

const minute = 60_000;

describe('the product’s dispatch', () => {
  it('keeps quiet tenants within a twentieth of what they wait under FIFO', () => {
    const { world, ...workload } = burstWorkload({ workers: 8, seed: 3, noise: true });
    const p95 = (served: readonly Served[]) => {
      const waits = measure(served, { world, ...workload }).quietWaitsMs.toSorted((a, b) => a - b);
      return waits[Math.floor(waits.length * 0.95)] ?? Number.NaN;
    };

    const ours = p95(simulate(world, dispatchers.pilotlight()));

    expect(ours).toBeLessThan(0.05 * p95(simulate(world, dispatchers.fifo())));
  });

  it('shares by weight with predictions that are always wrong the same way, thanks to the true-up', () => {
    const workload = weightsWorkload({ workers: 4, seed: 1, bias: true });
    const jain = (trueUp: boolean) =>
      measure(simulate(workload.world, createPilotlight({ trueUp })), workload).jain;

    expect(jain(true)).toBeGreaterThan(0.99);
    expect(jain(false)).toBeLessThan(0.95);
  });

  it('lets a tenant whose models are resident get no further ahead, however long it is preferred', () => {
    const openJobs = { resident: 32, other: 2 };

    const served = closedLoop({
      tenants: openJobs,
      jobOf: (tenantId, index) => ({ model: tenantId === 'resident' ? 'warm' : `cold-${index % 5}` }),
      options: { workers: 1, hours: 4, slackMs: 10_000 },
    });

    const count = (tenantId: string) => served.filter(({ job }) => job.tenantId === tenantId).length;
    expect(Math.abs(count('resident') - count('other'))).toBeLessThanOrEqual(12);
  });

  it('lets a quiet tenant in at once where a batch tenant works beside many interactive ones', () => {
    const busy = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`busy-${index}`, 20]));
    const quiet = Array.from({ length: 59 }, (_, index) =>
      simJob({ ...secondsLong('quiet', 10), jobId: `quiet-${index}`, arrivedAtMs: (index + 1) * 2 * minute }),
    );

    const served = closedLoop({
      tenants: { ...busy, bulk: 20 },
      jobOf: (tenantId) => ({
        class: tenantId === 'bulk' ? 'batch' : 'interactive',
        ...secondsLong(tenantId, 10),
      }),
      options: { workers: 8, hours: 2, guests: quiet },
    });

    const waits = served
      .filter(({ job }) => job.tenantId === 'quiet')
      .map(({ job, startedAtMs }) => startedAtMs - job.arrivedAtMs);
    expect(waits).toHaveLength(59);
    // A worker to come free, then one job of each of the twenty, who may stand at the very same tag.
    expect(Math.max(...waits)).toBeLessThanOrEqual(40_000);
  });

  it('does not make a tenant’s interactive job wait for its own batch work', () => {
    const bulk = Array.from({ length: 1_000 }, (_, index) =>
      simJob({ ...secondsLong('mixed', 10), jobId: `bulk-${index}`, arrivedAtMs: 0, class: 'batch' }),
    );
    const urgent = simJob({ ...secondsLong('mixed', 10), jobId: 'urgent', arrivedAtMs: 10 * minute });

    const served = closedLoop({
      tenants: { left: 20, right: 20 },
      jobOf: (tenantId) => secondsLong(tenantId, 10),
      options: { workers: 4, hours: 1, guests: [...bulk, urgent] },
    });

    const start = served.find(({ job }) => job === urgent)?.startedAtMs ?? Number.NaN;
    expect(start - urgent.arrivedAtMs).toBeLessThanOrEqual(20_000);
  });
});

interface ClosedLoop {
  /** How many jobs each keeps open. */
  readonly tenants: Readonly<Record<string, number>>;
  readonly jobOf: (tenantId: string, index: number) => Partial<SimJob>;
  readonly options: {
    readonly workers: number;
    readonly hours: number;
    readonly slackMs?: number;
    readonly guests?: readonly SimJob[];
  };
}

/** Tenants that send a job whenever one of theirs ends; guests do not. */
function closedLoop({ tenants, jobOf, options }: ClosedLoop): readonly Served[] {
  const { workers, hours, slackMs = 0, guests = [] } = options;
  const made = new Map<string, number>();
  const next = (tenantId: string, arrivedAtMs: number) => {
    const index = made.get(tenantId) ?? 0;
    made.set(tenantId, index + 1);
    const jobId = `${tenantId}-${String(index).padStart(6, '0')}`;
    return simJob({ ...secondsLong(tenantId, 1), ...jobOf(tenantId, index), jobId, arrivedAtMs });
  };
  const first = Object.entries(tenants).flatMap(([tenantId, open]) =>
    Array.from({ length: open }, () => next(tenantId, 0)),
  );
  const follow = ({ tenantId }: SimJob, nowMs: number) =>
    tenantId in tenants ? next(tenantId, nowMs) : null;
  const world = { workers, jobs: [...first, ...guests], follow, untilMs: hours * 60 * minute };
  return simulate(world, createPilotlight({ slackMs }));
}

function secondsLong(tenantId: string, seconds: number) {
  return { tenantId, usedGpuMs: seconds * 1000, predictedGpuMs: seconds * 1000 };
}
