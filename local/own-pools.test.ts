import { describe, expect, it } from 'vitest';
import { createFlowWorld, worldPool } from '#sim/memory/flow-world.ts';
import { createOwnPools } from './own-pools.ts';

async function setup() {
  const world = await createFlowWorld();
  const queues: string[] = [];
  const open = () => createOwnPools({ ...world, addQueue: (pool) => queues.push(pool) });
  return { world, queues, open };
}

describe('own pools', () => {
  it('have a queue before they are known, made once', async () => {
    const { world, queues, open } = await setup();
    const pools = {
      ...world.pools,
      async enlist(pool: string) {
        expect(queues).toEqual([pool]);
        await world.pools.enlist(pool);
      },
    };
    const own = await createOwnPools({ ...world, pools, addQueue: (pool) => queues.push(pool) });

    await Promise.all([own.open('fake--a'), own.open('fake--a')]);
    await own.open('fake--a');

    expect(queues).toEqual(['fake--a']);
    expect(own.names()).toEqual([worldPool, 'fake--a']);
    expect((await open()).names()).toEqual([worldPool, 'fake--a']);
  });

  it('have their queues again after a restart, and those of the catalog are left alone', async () => {
    const { world, queues, open } = await setup();
    await world.pools.enlist('fake--a');

    await open();

    expect(queues).toEqual(['fake--a']);
  });

  it('are enlisted by the next job when the store failed', async () => {
    const { world, queues } = await setup();
    let isDown = true;
    const enlist = (pool: string) =>
      isDown ? Promise.reject(new Error('out of reach')) : world.pools.enlist(pool);
    const pools = { ...world.pools, enlist };
    const own = await createOwnPools({ ...world, pools, addQueue: (pool) => queues.push(pool) });
    await expect(own.open('fake--a')).rejects.toThrow('out of reach');

    isDown = false;
    await own.open('fake--a');

    expect(queues).toEqual(['fake--a']);
    expect((await world.pools.listOwn()).items).toEqual(['fake--a']);
  });
});
