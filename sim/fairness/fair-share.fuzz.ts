/**
 * What the product's dispatch owes to every tenant, over random pools. In tag units (weighted GPU microseconds):
 *
 * For two tenants that always have a job waiting, what they were given differs by at most
 * `2 * (L + slack) + E_i + E_j`: L is the largest batch, E the error of prediction that a tenant can have open at
 * once. Predictions that are right leave `2 * (L + slack)`; the true-up is why E counts only open jobs, and not every
 * job that ever ran.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { budget } from '../fuzz-budget.ts';
import { createRandom, predictionFactor } from '../random.ts';
import { createPilotlight } from './dispatchers/pilotlight.ts';
import type { Served, SimJob } from './simulate.ts';
import { simulate } from './simulate.ts';
import { simJob } from './workload.ts';

interface Pool {
  readonly workers: number;
  readonly batchMax: number;
  readonly slackMs: number;
  readonly models: number;
  readonly seed: number;
  readonly tenants: readonly Tenant[];
}

interface Tenant {
  readonly weight: number;
  readonly largestMs: number;
  /** Predicted over actual is within this factor, either way. */
  readonly factor: number;
  /** Always wrong the same way, or as chance has it. */
  readonly bias: 'high' | 'low' | 'none';
}

const tenantOf = (factor: number): fc.Arbitrary<Tenant> =>
  fc.record({
    weight: fc.constantFrom(1, 2, 3, 4, 8, 16),
    largestMs: fc.integer({ min: 10, max: 2_000 }),
    factor: fc.constant(factor),
    bias: fc.constantFrom('high', 'low', 'none'),
  });

const poolOf = (factor: number): fc.Arbitrary<Pool> =>
  fc.record({
    workers: fc.integer({ min: 1, max: 6 }),
    batchMax: fc.integer({ min: 1, max: 4 }),
    slackMs: fc.constantFrom(0, 500, 3_000),
    models: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(),
    tenants: fc.array(tenantOf(factor), { minLength: 2, maxLength: 4 }),
  });

describe('two tenants that always have a job waiting', () => {
  it('are given the same by weight, to within two batches and two slacks', () => {
    fc.assert(
      fc.property(poolOf(1), (pool) => {
        const gap = largestGap(pool, run(pool, { claims: 300 }));

        expect(gap).toBeLessThanOrEqual(2 * (largestBatch(pool) + slackTag(pool)));
      }),
      budget(60),
    );
  });

  it('are so with wrong predictions, but for the error of what each has open at once', () => {
    fc.assert(
      fc.property(poolOf(predictionFactor), (pool) => {
        const gap = largestGap(pool, run(pool, { claims: 300 }));

        expect(gap).toBeLessThanOrEqual(2 * (largestBatch(pool) + slackTag(pool)) + openError(pool));
      }),
      budget(60),
    );
  });

  it('drift no further apart the longer they wait', () => {
    const tenant = { weight: 1, largestMs: 1_000, factor: predictionFactor };
    const pool: Pool = {
      ...{ workers: 3, batchMax: 1, slackMs: 0, models: 1, seed: 7 },
      tenants: [
        { ...tenant, bias: 'high' },
        { ...tenant, bias: 'low' },
      ],
    };
    const bound = 2 * largestBatch(pool) + openError(pool);

    const [short, long] = [500, 10_000].map((claims) => largestGap(pool, run(pool, { claims })));
    const untrue = largestGap(pool, run(pool, { claims: 10_000, trueUp: false }));

    expect(Math.max(short ?? 0, long ?? 0)).toBeLessThanOrEqual(bound);
    expect(untrue).toBeGreaterThan(20 * bound);
  });
});

describe('a tenant among busy ones', () => {
  it('has its one job started before any other is given more than two batches and two slacks', () => {
    fc.assert(
      fc.property(poolOf(1), fc.nat({ max: 199 }), (pool, claimsBefore) => {
        const atMs = momentOf(pool, claimsBefore);
        const guest = guestJob(0, atMs);

        const served = run(pool, { claims: 600, guests: [guest] });
        const start = served.findIndex(({ job }) => job === guest);
        const between = served.slice(0, start).filter(({ startedAtMs }) => startedAtMs >= atMs);

        expect(start).toBeGreaterThanOrEqual(0);
        for (const tenantId of pool.tenants.keys()) {
          const given = sumOf(between.filter(({ job }) => job.tenantId === String(tenantId)));
          expect(given).toBeLessThanOrEqual(2 * (largestBatch(pool) + slackTag(pool)));
        }
      }),
      budget(60),
    );
  });

  it('gains nothing by having been away: from its return on it is owed what the others are', () => {
    fc.assert(
      fc.property(poolOf(1), fc.nat({ max: 199 }), (pool, claimsBefore) => {
        const backAtMs = momentOf(pool, claimsBefore);
        const burst = Array.from({ length: 100 }, (_, index) => guestJob(index + 1, backAtMs));

        const served = run(pool, { claims: 600, guests: [guestJob(0, 0), ...burst] });
        const since = served.filter(({ startedAtMs }) => startedAtMs >= backAtMs);
        const given = new Map<string, number>();
        for (const { job } of since) {
          given.set(job.tenantId, (given.get(job.tenantId) ?? 0) + costOf(job));
          const others = pool.tenants.map((_, tenant) => given.get(String(tenant)) ?? 0);
          const lead = (given.get('guest') ?? 0) - Math.min(...others);

          expect(lead).toBeLessThanOrEqual(2 * (largestBatchWithGuest(pool) + slackTag(pool)));
        }
      }),
      {
        ...budget(60),
        // A guest whose single job is larger than any other tenant's batch: L is the larger of the two.
        examples: [[lightPool, 0]],
      },
    );
  });
});

describe('the batch class', () => {
  it('gets one of any five claims of a worker while both classes wait', () => {
    fc.assert(
      fc.property(poolOf(predictionFactor), (pool) => {
        const served = run(pool, { claims: 300, classes: ['interactive', 'batch'] });

        for (let worker = 0; worker < pool.workers; worker += 1) {
          const claims = claimsOf(served, worker);
          for (let index = 0; index + 5 <= claims.length; index += 1) {
            const five = claims.slice(index, index + 5);
            expect(five.some((job) => job?.class === 'batch')).toBe(true);
            expect(five.some((job) => job?.class === 'interactive')).toBe(true);
          }
        }
      }),
      budget(40),
    );
  });
});

const lightTenant = { largestMs: 10, factor: 1, bias: 'high' } as const;

const lightPool: Pool = {
  ...{ workers: 1, batchMax: 1, slackMs: 0, models: 1, seed: 0 },
  tenants: [
    { ...lightTenant, weight: 8 },
    { ...lightTenant, weight: 16 },
  ],
};

interface RunOptions {
  readonly claims: number;
  readonly trueUp?: boolean;
  readonly guests?: readonly SimJob[];
  /** Tenants take turns in these. */
  readonly classes?: readonly SimJob['class'][];
}

/** Closed loop: every tenant keeps {@link openJobs} jobs open, so that one of them always waits. */
function run(pool: Pool, { claims, trueUp = true, guests = [], classes = ['interactive'] }: RunOptions) {
  const random = createRandom(pool.seed);
  let made = 0;
  const next = (tenantId: string, arrivedAtMs: number): SimJob | null => {
    const tenant = pool.tenants[Number(tenantId)];
    if (tenant === undefined || made > claims + pool.tenants.length * openJobs(pool)) return null;
    made += 1;
    const usedGpuMs = 1 + Math.floor(random() * tenant.largestMs);
    const model = `model-${Math.floor(random() * pool.models)}`;
    return simJob({
      ...{ jobId: String(made).padStart(6, '0'), tenantId, arrivedAtMs, usedGpuMs },
      ...{ weight: tenant.weight, model, batchKey: model },
      class: classes[Number(tenantId) % classes.length] ?? 'interactive',
      predictedGpuMs: predicted(tenant, usedGpuMs, random),
    });
  };
  const first = [...pool.tenants.keys()].flatMap((tenant) =>
    Array.from({ length: openJobs(pool) }, () => next(String(tenant), 0)).filter((job) => job !== null),
  );
  const { batchMax, slackMs, workers } = pool;
  const world = {
    workers,
    jobs: [...first, ...guests],
    follow: (ended: SimJob, nowMs: number) => next(ended.tenantId, nowMs),
  };
  return simulate(world, createPilotlight({ batchMax, slackMs, trueUp })).slice(0, claims);
}

function predicted(tenant: Tenant, usedGpuMs: number, random: () => number): number {
  const exponent = { high: 1, low: -1, none: 2 * random() - 1 }[tenant.bias];
  return Math.max(1, Math.round(usedGpuMs * tenant.factor ** exponent));
}

/** Two full pools of batches: while one runs, another waits. */
function openJobs(pool: Pool): number {
  return 2 * pool.workers * pool.batchMax;
}

/** The furthest apart that any two tenants ever were in what they had been given. */
function largestGap(pool: Pool, served: readonly Served[]): number {
  const given = pool.tenants.map(() => 0);
  let largest = 0;
  for (const { job } of served) {
    const tenant = Number(job.tenantId);
    given[tenant] = (given[tenant] ?? 0) + costOf(job);
    largest = Math.max(largest, Math.max(...given) - Math.min(...given));
  }
  return largest;
}

/** What a job really cost, in tag units. */
function costOf(job: SimJob): number {
  return (job.usedGpuMs * 1000) / job.weight;
}

function sumOf(served: readonly Served[]): number {
  return served.reduce((sum, { job }) => sum + costOf(job), 0);
}

function largestBatch(pool: Pool): number {
  return pool.batchMax * Math.max(...pool.tenants.map(largestJob));
}

/** The guest is a tenant too: its own batch counts when it is the largest. */
function largestBatchWithGuest(pool: Pool): number {
  return Math.max(largestBatch(pool), pool.batchMax * costOf(guestJob(0, 0)));
}

function slackTag(pool: Pool): number {
  return pool.slackMs * 1000;
}

/** The error of prediction that the two worst tenants can have open at once. */
function openError(pool: Pool): number {
  const errors = pool.tenants.map((tenant) => openJobs(pool) * largestJob(tenant) * (tenant.factor - 1));
  const [worst = 0, second = 0] = errors.toSorted((left, right) => right - left);
  return worst + second;
}

/** Of a tenant, in tag units; a tag is rounded up to the next whole one. */
function largestJob(tenant: Tenant): number {
  return (tenant.largestMs * 1000) / tenant.weight + 1;
}

/** When a worker of this pool makes this claim, if nobody comes by. */
function momentOf(pool: Pool, claims: number): number {
  return run(pool, { claims: claims + 1 }).at(-1)?.startedAtMs ?? 0;
}

function guestJob(index: number, arrivedAtMs: number): SimJob {
  const jobId = `guest-${String(index).padStart(4, '0')}`;
  const cost = { usedGpuMs: 10, predictedGpuMs: 10 };
  return simJob({ jobId, tenantId: 'guest', arrivedAtMs, model: 'model-0', batchKey: 'model-0', ...cost });
}

/** The first job of every claim of one worker. */
function claimsOf(served: readonly Served[], worker: number): (SimJob | undefined)[] {
  const mine = served.filter((run) => run.worker === worker);
  return [...Map.groupBy(mine, ({ startedAtMs }) => startedAtMs).values()].map((batch) => batch[0]?.job);
}
