import { describe, expect, it } from 'vitest';
import { createFlowWorld, worldPool } from '#sim/memory/flow-world.ts';
import { afterWake, uncalibrated } from '../eta/calibration.ts';
import { sampleJob, sampleNowMs } from '../samples.ts';
import { noteStarts, noteWake } from './calibrate.ts';

const toldStart = { waitMs: 1_000, kind: 'line', p50Ms: 1_000, p90Ms: 2_500 } as const;
const started = sampleJob({ attempt: 1, toldStart, startedAtMs: sampleNowMs + 9_000 });

describe('a start', () => {
  it('moves the numbers of its class and kind, all jobs of a batch in one write', async () => {
    const world = await createFlowWorld();

    await noteStarts(world, worldPool, [started, { ...started, class: 'batch' }]);

    const { calibration } = await world.pools.read(worldPool);
    expect(calibration.version).toBe(1);
    expect(calibration.errors.interactive.line).toMatchObject({ seen: 1 });
    expect(calibration.errors.interactive.line.p90).toBeGreaterThan(uncalibrated.errors.interactive.line.p90);
    expect(calibration.errors.batch.line).toEqual(calibration.errors.interactive.line);
    expect(calibration.errors.interactive.cold).toEqual(uncalibrated.errors.interactive.cold);
  });

  it.each([
    ['runs again', { attempt: 2 }],
    ['was told nothing', { toldStart: null }],
  ])('of a job that %s teaches nothing and costs nothing', async (_, overrides) => {
    const world = await createFlowWorld();
    const pools = { ...world.pools, read: async () => Promise.reject(new Error('not to be read')) };

    await noteStarts({ ...world, pools }, worldPool, [{ ...started, ...overrides }]);

    expect(world.log.lines).toEqual([]);
    expect((await world.pools.read(worldPool)).calibration).toEqual(uncalibrated);
  });

  it('that another write got ahead of is dropped', async () => {
    const world = await createFlowWorld();
    const first = afterWake(uncalibrated, 7_000);
    const pools: typeof world.pools = {
      ...world.pools,
      async read(pool) {
        const record = await world.pools.read(pool);
        await world.pools.calibrate(pool, first);
        return record;
      },
    };

    await noteStarts({ ...world, pools }, worldPool, [started]);

    expect((await world.pools.read(worldPool)).calibration).toEqual(first);
  });

  it('that cannot be noted is logged and harms nobody', async () => {
    const world = await createFlowWorld();
    const pools = { ...world.pools, calibrate: async () => Promise.reject(new Error('down')) };

    await noteStarts({ ...world, pools }, worldPool, [started]);

    expect(world.log.lines).toMatchObject([{ event: 'pool.not_calibrated' }]);
  });
});

it('remembers how long a wake took', async () => {
  const world = await createFlowWorld();

  await noteWake(world, worldPool, 21_000);

  expect((await world.pools.read(worldPool)).calibration.wakeMs).toBe(21_000);
});
