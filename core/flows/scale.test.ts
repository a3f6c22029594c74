import { describe, expect, it } from 'vitest';
import { createFlowWorld, submission, worldPool } from '#sim/memory/flow-world.ts';
import { cancel } from './cancel.ts';
import { scale } from './scale.ts';
import { submit } from './submit.ts';

const bounds = { workersMin: 0, workersMax: 3, idleTimeoutMs: 30_000 };

async function setup() {
  const world = await createFlowWorld();
  const submitMany = async (count: number) => {
    const outcomes = await Promise.all(
      Array.from({ length: count }, () => submit(world, submission(world.tenant))),
    );
    return outcomes.flatMap((outcome) => (outcome.kind === 'accepted' ? [outcome.job] : []));
  };
  const state = async () => (await world.pools.read(worldPool)).state;
  return { world, submitMany, state };
}

describe('the scaler', () => {
  it('does nothing for a pool without work', async () => {
    const { world, state } = await setup();

    expect(await scale(world, worldPool, bounds)).toBe(0);
    expect(world.fleet.orders).toEqual([]);
    expect(await state()).toBe('cold');
  });

  it('lights one worker for the first job, and as many as the batches need up to the cap', async () => {
    const { world, submitMany } = await setup();

    await submitMany(1);
    expect(await scale(world, worldPool, bounds)).toBe(1);
    await submitMany(8);
    expect(await scale(world, worldPool, bounds)).toBe(3);
    await submitMany(80);
    expect(await scale(world, worldPool, bounds)).toBe(3);
  });

  it('lights a worker for a woken pool whose job the index does not show yet', async () => {
    const { world, submitMany } = await setup();
    await submitMany(1);
    const lagging = { ...world.jobs, count: async () => ({ waiting: 0, leased: 0 }) };

    expect(await scale({ ...world, jobs: lagging }, worldPool, bounds)).toBe(1);
  });

  it('puts the pool out after the idle time-out and not before', async () => {
    const { world, submitMany, state } = await setup();
    const jobs = await submitMany(1);
    await scale(world, worldPool, bounds);
    await world.pools.move(worldPool, ['waking'], 'warm', world.clock.nowMs());
    for (const job of jobs) await cancel(world, job.tenantId, job.jobId);

    expect(await scale(world, worldPool, bounds)).toBe(1);
    expect(await state()).toBe('idle');
    await world.clock.advance(29_000);
    expect(await scale(world, worldPool, bounds)).toBe(1);
    await world.clock.advance(1_000);
    expect(await scale(world, worldPool, bounds)).toBe(0);
    expect(await state()).toBe('cold');
  });

  it('keeps the least number of workers up, work or not', async () => {
    const { world } = await setup();

    expect(await scale(world, worldPool, { ...bounds, workersMin: 2 })).toBe(2);
  });

  it('looks again where another scaler has asked for more since, and never asks for fewer by what it saw before', async () => {
    const { world, submitMany } = await setup();
    await submitMany(5);
    const { fleet } = world;
    let isHeld = true;
    const held: typeof fleet = {
      ...fleet,
      async status(pool) {
        const status = await fleet.status(pool);
        if (!isHeld) return status;
        isHeld = false;
        await submitMany(8);
        await scale(world, worldPool, bounds);
        return status;
      },
    };

    expect(await scale({ ...world, fleet: held }, worldPool, bounds)).toBe(3);
    expect(fleet.orders.map(({ desired }) => desired)).toEqual([3]);
  });

  it('leaves a pool that others ask for each time to the next tick', async () => {
    const { world, submitMany } = await setup();
    await submitMany(8);
    const lying: typeof world.fleet = {
      ...world.fleet,
      status: async () => ({ desired: 1, running: 0 }),
    };

    await scale({ ...world, fleet: lying }, worldPool, bounds);

    expect(world.fleet.orders).toEqual([]);
    expect(world.log.events()).toContain('scale.overtaken');
  });

  it('sees a job that came while it put the pool out', async () => {
    const { world, submitMany, state } = await setup();
    await world.pools.move(worldPool, ['cold'], 'idle', world.clock.nowMs());
    await world.fleet.setDesired(worldPool, 1, 0);
    await world.clock.advance(60_000);
    const racing: typeof world.pools = {
      ...world.pools,
      async move(pool, from, to, nowMs) {
        if (to === 'cold') await submitMany(1);
        return world.pools.move(pool, from, to, nowMs);
      },
    };

    await scale({ ...world, pools: racing }, worldPool, bounds);

    expect((await world.fleet.status(worldPool)).desired).toBe(1);
    expect(await state()).toBe('waking');
  });
});
