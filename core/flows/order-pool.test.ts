/** Orders of the operator with jobs open: whatever is said and when, every job ends once and is charged once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowWorld } from '#sim/memory/flow-world.ts';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { monthOf } from '../admission/windows.ts';
import { allPages } from '../contract/scene.ts';
import type { JobRecord } from '../job/job.ts';
import { claim } from '../job/transitions.ts';
import { jobLimits, ticketLimits, workerLimits } from '../limits.ts';
import type { Fleet } from '../ports/pools.ts';
import { isStillAsked } from '../scaling/is-still-asked.ts';
import { applyTransition } from './apply.ts';
import type { OperatorOrder } from './order-pool.ts';
import { grantedWorkers, orderPool } from './order-pool.ts';
import { scale } from './scale.ts';
import { submit } from './submit.ts';
import { sweep } from './sweep.ts';
import { work } from './work.ts';

const second = 1_000;
const minute = 60 * second;
const bounds = { workersMin: 0, workersMax: 2, idleTimeoutMs: 30 * second };

describe('a pause', () => {
  it('lets the batch under way end and nothing more begin, until the resume', async () => {
    const pool = await openPool();
    const running = await pool.submit({ steps: 10, step_ms: 1_000 });
    await pool.pass(4 * second);

    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const waiting = [await pool.submit(), await pool.submit()];
    await pool.pass(20 * second);

    expect(await pool.read(running)).toMatchObject({ status: 'succeeded', attempt: 1 });
    for (const job of waiting) expect(await pool.read(job)).toMatchObject({ status: 'queued', attempt: 0 });

    await pool.order({ kind: 'resume' });
    await pool.pass(workerLimits.heldBackLookMs + 3 * second);

    for (const job of waiting) expect((await pool.read(job)).status).toBe('succeeded');
  });

  it('wears out no ticket, however long it lasts', async () => {
    const pool = await openPool();
    await pool.submit();
    await pool.pass(3 * second);
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const deliveries = pool.watchDeliveries();
    for (let job = 0; job < 20; job += 1) await pool.submit();

    await pool.pass(10 * minute);
    await pool.order({ kind: 'resume' });
    await pool.pass(minute);

    expect(Math.max(...deliveries)).toBeLessThanOrEqual(5);
    await pool.allEnded();
  });

  it('starts no worker for a cold pool, and the resume does', async () => {
    const pool = await openPool();
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const job = await pool.submit();
    await pool.pass(5 * minute);
    expect(pool.started()).toBe(0);

    await pool.order({ kind: 'resume' });
    await pool.pass(10 * second);

    expect((await pool.read(job)).status).toBe('succeeded');
  });

  it('keeps the least number of workers, until a drain empties the pool for maintenance', async () => {
    const pool = await openPool({ workersMin: 1 });
    await pool.pass(2 * second);
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const job = await pool.submit();

    await pool.pass(5 * minute);
    expect(await pool.record()).toMatchObject({ state: 'idle', scaling: { desired: 1 } });
    await pool.order({ kind: 'drain', atMs: pool.clock.nowMs() });
    await pool.pass(minute);
    expect(await pool.record()).toMatchObject({ state: 'cold', scaling: { desired: 0, running: 0 } });

    await pool.order({ kind: 'resume' });
    await pool.pass(10 * second);
    expect(await pool.read(job)).toMatchObject({ status: 'succeeded', attempt: 1 });
  });

  it('goes out after the idle time-out though jobs wait', async () => {
    const pool = await openPool();
    await pool.submit();
    await pool.pass(5 * second);
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const waiting = await pool.submit();

    await pool.pass(bounds.idleTimeoutMs + 5 * second);

    expect(await pool.record()).toMatchObject({ state: 'cold', scaling: { desired: 0, running: 0 } });
    expect((await pool.read(waiting)).status).toBe('queued');
  });

  it('stops no deadline', async () => {
    const pool = await openPool();
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const job = await pool.submit({}, { deadlineSeconds: 30 });

    await pool.pass(2 * minute);

    expect(await pool.read(job)).toMatchObject({ status: 'expired', costUsdMicros: 0 });
  });
});

describe('a drain', () => {
  it('lets batches end, replaces every worker, and goes on with what waits', async () => {
    const pool = await openPool();
    const running = await pool.submit({ steps: 10, step_ms: 1_000 });
    await pool.pass(4 * second);
    await pool.order({ kind: 'drain', atMs: pool.clock.nowMs() });
    const waiting = await pool.submit();

    await pool.pass(30 * second);

    expect(await pool.read(running)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect((await pool.read(waiting)).receipt?.workerId).toBe('worker-2');
    expect(await pool.record()).toMatchObject({ orders: { drainingAtMs: null } });
  });

  it('leaves an idle pool cold, prewarm or not', async () => {
    const pool = await openPool();
    await pool.order({ kind: 'prewarm', workers: 2, untilMs: pool.clock.nowMs() + 10 * minute });
    await pool.pass(20 * second);

    await pool.order({ kind: 'drain', atMs: pool.clock.nowMs() });
    await pool.pass(5 * second);

    expect(await pool.record()).toMatchObject({
      state: 'cold',
      orders: { drainingAtMs: null, prewarm: null },
      scaling: { desired: 0, running: 0 },
    });
  });

  it('lets a batch end that the index does not show yet', async () => {
    const pool = await openPool();
    const job = await pool.submit({ steps: 10, step_ms: 4_000 });
    await pool.pass(3 * second);
    await pool.world.pools.order(worldPool, { kind: 'drain', atMs: pool.clock.nowMs() });
    const lagging = { ...pool.world.jobs, count: async () => ({ waiting: 0, leased: 0 }) };

    await scale({ ...pool.world, fleet: pool.fleet, jobs: lagging }, worldPool, bounds);

    expect(pool.alive()).toBe(1);
    await pool.pass(minute);
    expect(await pool.read(job)).toMatchObject({ status: 'succeeded', attempt: 1 });
    expect((await pool.record()).orders.drainingAtMs).toBeNull();
  });

  it('does not wait for the lease of a worker that was lost', async () => {
    const pool = await openPool();
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });
    const job = await pool.submit();
    await applyTransition(pool.world, job, claim(job, 'worker-lost', pool.clock.nowMs()));
    await pool.order({ kind: 'drain', atMs: pool.clock.nowMs() });

    await pool.pass(jobLimits.leaseMs + 2 * second);
    expect((await pool.record()).orders).toMatchObject({ drainingAtMs: null });

    await pool.order({ kind: 'resume' });
    await pool.pass(ticketLimits.visibilityMs + 10 * second);
    expect(await pool.read(job)).toMatchObject({ status: 'succeeded', attempt: 2 });
  });

  it('keeps the order while a fleet still ends its workers', async () => {
    const pool = await openPool();
    await pool.submit();
    await pool.pass(5 * second);
    await pool.world.pools.order(worldPool, { kind: 'drain', atMs: pool.clock.nowMs() });
    const slow: Fleet = { ...pool.fleet, status: async () => ({ desired: 0, running: 1 }) };
    await pool.clock.advance(2 * second);

    expect(await scale({ ...pool.world, fleet: slow }, worldPool, bounds)).toBe(0);
    expect((await pool.record()).orders.drainingAtMs).not.toBeNull();

    expect(await scale({ ...pool.world, fleet: pool.fleet }, worldPool, bounds)).toBe(0);
    expect((await pool.record()).orders.drainingAtMs).toBeNull();
  });
});

describe('a prewarm', () => {
  it('brings workers up without work, keeps them until its end, then lets them go', async () => {
    const pool = await openPool();

    await pool.order({ kind: 'prewarm', workers: 2, untilMs: pool.clock.nowMs() + 5 * minute });
    await pool.pass(second);
    expect(pool.alive()).toBe(2);
    await pool.pass(4 * minute);
    expect(pool.alive()).toBe(2);
    await pool.pass(2 * minute);

    expect(pool.alive()).toBe(0);
    expect((await pool.record()).state).toBe('cold');
  });

  it('grants no more than the scaler’s upper bound', async () => {
    const pool = await openPool();

    expect(await grantedWorkers(await createFlowWorld(), worldPool, 9)).toBe(9);
    expect(await grantedWorkers(pool.world, worldPool, 9)).toBe(2);
    await pool.order({ kind: 'prewarm', workers: 9, untilMs: pool.clock.nowMs() + minute });
    await pool.pass(second);

    expect(pool.alive()).toBe(2);
  });

  it('of a paused pool is refused', async () => {
    const pool = await openPool();
    await pool.order({ kind: 'pause', atMs: pool.clock.nowMs() });

    expect(await pool.order({ kind: 'prewarm', workers: 1, untilMs: pool.clock.nowMs() + minute })).toBe(
      'refused',
    );
  });
});

describe('orders at random moments', () => {
  const orders = fc.constantFrom<OperatorOrder['kind']>('pause', 'resume', 'drain', 'prewarm');
  const step = fc.record({ order: orders, jobs: fc.integer({ min: 0, max: 3 }), waitMs: fc.nat(20_000) });

  it('lose nothing, and charge everything once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const pool = await openPool();
        for (const { order, jobs, waitMs } of steps) {
          for (let job = 0; job < jobs; job += 1) await pool.submit({ steps: 4, step_ms: 1_500 });
          const atMs = pool.clock.nowMs();
          const given = { kind: order, atMs, workers: jobs, untilMs: atMs + minute };
          await pool.order(given);
          await pool.pass(waitMs);
        }
        await pool.order({ kind: 'resume' });
        await pool.pass(5 * minute);

        await pool.allEnded();
      }),
      { numRuns: 40 },
    );
  });

  it('need no scaler that listens: the tick carries them out', async () => {
    const world = await createFlowWorld();
    const scaler = { wake: () => Promise.reject(new Error('throttled')) };

    const order = { kind: 'pause', atMs: world.clock.nowMs() } as const;
    expect(await orderPool({ ...world, scaler }, worldPool, order)).toBe('obeyed');

    expect(world.log.events()).toContain('pool.order_left_to_tick');
    expect((await world.pools.read(worldPool)).orders.pausedAtMs).toBe(world.clock.nowMs());
  });
});

/** A pool with a fleet whose workers really work, a scaler that ticks each second and a sweep each minute. */
async function openPool({ workersMin = 0 } = {}) {
  const base = await createFlowWorld();
  const { clock } = base;
  const limits = { ...bounds, workersMin };
  const workers: AbortController[] = [];
  let started = 0;
  let world: FlowWorld = base;

  const alive = () => workers.filter(({ signal }) => !signal.aborted);
  const fleet: Fleet = {
    status: async () => ({ desired: alive().length, running: alive().length }),
    async setDesired(_pool, desired, before) {
      if (!isStillAsked(alive().length, { desired, before })) return 'elsewhere';
      for (const worker of alive().slice(desired)) worker.abort();
      while (alive().length < desired) {
        started += 1;
        const stopping = new AbortController();
        workers.push(stopping);
        const life = { stopping: stopping.signal, interrupt: new AbortController().signal };
        void work(world, { workerId: `worker-${started}`, pool: worldPool, slots: 4, ...life });
      }
      return 'set';
    },
  };
  const decide = async () => {
    await scale({ ...world, fleet }, worldPool, limits);
  };
  world = { ...base, scaler: { wake: decide } };
  await decide();
  const submitted: JobRecord[] = [];

  const read = async ({ tenantId, jobId }: JobRecord): Promise<JobRecord> => {
    const job = await world.jobs.get(tenantId, jobId, { consistent: true });
    if (job === null) throw new Error(`no job ${jobId}`);
    return job;
  };
  return {
    world,
    clock,
    fleet,
    read,
    alive: () => alive().length,
    started: () => started,
    record: () => world.pools.read(worldPool),
    order: (order: OperatorOrder) => orderPool(world, worldPool, order),
    async submit(input = {}, more = {}): Promise<JobRecord> {
      const outcome = await submit(
        world,
        submission(world.tenant, { input: { prompt: 'a lighthouse', ...input }, ...more }),
      );
      if (outcome.kind !== 'accepted') throw new Error(`expected accepted, got ${outcome.kind}`);
      submitted.push(outcome.job);
      return outcome.job;
    },
    async pass(ms: number): Promise<void> {
      for (let left = ms; left > 0; left -= second) {
        await clock.advance(Math.min(second, left));
        await decide();
        if (Math.floor(left / minute) !== Math.floor((left - second) / minute)) await sweep(world);
      }
    },
    /** Deliveries of every ticket that is received from now on. */
    watchDeliveries(): number[] {
      const seen: number[] = [0];
      const { receive } = base.tickets;
      Object.assign(base.tickets, {
        async receive(...ask: Parameters<typeof receive>) {
          const held = await receive(...ask);
          seen.push(...held.map(({ deliveries }) => deliveries));
          return held;
        },
      });
      return seen;
    },
    async allEnded(): Promise<void> {
      for (const job of submitted) expect(await read(job)).toMatchObject({ status: 'succeeded' });
      const month = monthOf(clock.nowMs());
      const charged = await allPages((cursor) => world.ledger.list(world.tenant.tenantId, month, cursor));
      const ids = charged.flatMap((entry) => (entry.kind === 'charge' ? [entry.jobId] : []));
      expect(ids.toSorted()).toEqual(submitted.map(({ jobId }) => jobId).toSorted());
      expect((await world.gates.read(world.tenant.tenantId))?.open).toEqual({});
    },
  };
}
