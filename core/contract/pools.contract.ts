/** Promises of the `Pools` port. */
import { describe, expect, it } from 'vitest';
import { afterStarts, afterWake, uncalibrated } from '../eta/calibration.ts';
import { sampleNowMs } from '../samples.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import { poolStates } from '../scaling/pool-state.ts';
import type { Scene } from './scene.ts';
import { atOnce } from './scene.ts';

const now = sampleNowMs;

export function poolsContract(scene: Scene): void {
  describe('Pools', () => {
    describe('read and move', () => readAndMove(scene));
    describe('advance', () => advance(scene));
    describe('calibrate', () => calibrate(scene));
  });
}

function readAndMove(scene: Scene): void {
  it('reads an unknown pool as cold since ever, with virtual time 0', async () => {
    const pool = await scene.pool();

    expect(await scene.ports.pools.read(pool)).toEqual({
      pool,
      state: 'cold',
      stateSinceMs: 0,
      virtualTimes: { interactive: 0, batch: 0 },
      calibration: uncalibrated,
    });
  });

  it('moves a pool from a state named, and notes since when', async () => {
    const pool = await scene.pool();

    expect(await scene.ports.pools.move(pool, ['cold'], 'waking', now)).toBe('moved');
    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'waking', stateSinceMs: now });
    expect(await scene.ports.pools.move(pool, ['cold', 'waking'], 'warm', now + 5)).toBe('moved');
    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'warm', stateSinceMs: now + 5 });
  });

  it('leaves a pool alone that is in no state named', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.move(pool, ['cold'], 'waking', now);

    expect(await scene.ports.pools.move(pool, ['cold', 'warm'], 'cold', now + 5)).toBe('elsewhere');
    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'waking', stateSinceMs: now });
  });

  it('knows every state, from each to each', async () => {
    const pool = await scene.pool();
    let from: PoolState = 'cold';

    for (const to of [...poolStates, ...poolStates.toReversed()]) {
      expect(await scene.ports.pools.move(pool, [from], to, now)).toBe('moved');
      expect((await scene.ports.pools.read(pool)).state).toBe(to);
      from = to;
    }
  });

  it('lets exactly one of 32 parallel callers wake a pool', async () => {
    const pool = await scene.pool();

    const outcomes = await atOnce(32, () => scene.ports.pools.move(pool, ['cold'], 'waking', now));

    expect(outcomes.filter((outcome) => outcome === 'moved')).toHaveLength(1);
  });

  it('keeps pools apart', async () => {
    const pool = await scene.pool();
    const other = await scene.pool();

    await scene.ports.pools.move(pool, ['cold'], 'warm', now);
    await scene.ports.pools.advance(pool, 'interactive', 10);

    expect(await scene.ports.pools.read(other)).toMatchObject({
      state: 'cold',
      virtualTimes: { interactive: 0, batch: 0 },
    });
  });
}

function advance(scene: Scene): void {
  it('raises the virtual time and never lowers it', async () => {
    const pool = await scene.pool();

    const seen: number[] = [];
    for (const tag of [10, 5, 9, 100, 10]) {
      await scene.ports.pools.advance(pool, 'interactive', tag);
      seen.push((await scene.ports.pools.read(pool)).virtualTimes.interactive);
    }

    expect(seen).toEqual([10, 10, 10, 100, 100]);
  });

  it('keeps the classes apart', async () => {
    const pool = await scene.pool();

    await scene.ports.pools.advance(pool, 'interactive', 10);
    await scene.ports.pools.advance(pool, 'batch', 7);

    expect((await scene.ports.pools.read(pool)).virtualTimes).toEqual({ interactive: 10, batch: 7 });
  });

  it('ends at the highest of many parallel tags', async () => {
    const pool = await scene.pool();

    await atOnce(32, (index) => scene.ports.pools.advance(pool, 'interactive', (index * 7) % 32));

    expect((await scene.ports.pools.read(pool)).virtualTimes.interactive).toBe(31);
  });

  it('leaves the state alone, and a state leaves the virtual time alone', async () => {
    const pool = await scene.pool();

    await scene.ports.pools.advance(pool, 'interactive', 10);
    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'cold', stateSinceMs: 0 });
    expect(await scene.ports.pools.move(pool, ['cold'], 'waking', now)).toBe('moved');
    await scene.ports.pools.advance(pool, 'interactive', 20);

    expect(await scene.ports.pools.read(pool)).toEqual({
      pool,
      state: 'waking',
      stateSinceMs: now,
      virtualTimes: { interactive: 20, batch: 0 },
      calibration: uncalibrated,
    });
  });
}

function calibrate(scene: Scene): void {
  const told = { waitMs: 1_000, kind: 'line', p50Ms: 1_000, p90Ms: 2_000 } as const;
  const first = afterStarts(uncalibrated, [{ class: 'batch', told, waitedMs: 7_654 }]);

  it('stores one version after the other, and leaves the rest of the pool alone', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.move(pool, ['cold'], 'waking', now);
    await scene.ports.pools.advance(pool, 'batch', 9);

    expect(await scene.ports.pools.calibrate(pool, first)).toBe('stored');
    expect(await scene.ports.pools.calibrate(pool, afterWake(first, 21_000))).toBe('stored');

    expect(await scene.ports.pools.read(pool)).toEqual({
      pool,
      state: 'waking',
      stateSinceMs: now,
      virtualTimes: { interactive: 0, batch: 9 },
      calibration: afterWake(first, 21_000),
    });
  });

  it('refuses a version that is not the next, and changes nothing', async () => {
    const pool = await scene.pool();
    const second = afterWake(first, 21_000);

    expect(await scene.ports.pools.calibrate(pool, second)).toBe('conflict');
    await scene.ports.pools.calibrate(pool, first);
    expect(await scene.ports.pools.calibrate(pool, afterWake(uncalibrated, 5))).toBe('conflict');

    expect((await scene.ports.pools.read(pool)).calibration).toEqual(first);
  });

  it('stores one of 32 parallel next versions', async () => {
    const pool = await scene.pool();

    const outcomes = await atOnce(32, (index) =>
      scene.ports.pools.calibrate(pool, afterWake(uncalibrated, 1_000 + index)),
    );

    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
    expect((await scene.ports.pools.read(pool)).calibration.version).toBe(1);
  });
}
