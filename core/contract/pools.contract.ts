/** Promises of the `Pools` port. */
import { describe, expect, it } from 'vitest';
import { afterStarts, afterWake, uncalibrated } from '../eta/calibration.ts';
import { sampleNowMs } from '../samples.ts';
import { nothingBoots } from '../scaling/boot-watch.ts';
import type { PoolOrder, PoolOrders } from '../scaling/pool-orders.ts';
import { noOrders, obey } from '../scaling/pool-orders.ts';
import type { PoolState } from '../scaling/pool-state.ts';
import { poolStates } from '../scaling/pool-state.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

const now = sampleNowMs;

export function poolsContract(scene: Scene): void {
  describe('Pools', () => {
    describe('read and move', () => readAndMove(scene));
    describe('advance', () => advance(scene));
    describe('order', () => order(scene));
    describe('noteScaling', () => noteScaling(scene));
    describe('enlist and listOwn', () => enlist(scene));
    describe('calibrate', () => calibrate(scene));
    describe('noteBoots', () => noteBoots(scene));
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
      orders: noOrders,
      scaling: null,
      boots: nothingBoots,
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

  it('leaves a pool alone that is not in the only state named', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.move(pool, ['cold'], 'warm', now);

    expect(await scene.ports.pools.move(pool, ['idle'], 'cold', now + 5)).toBe('elsewhere');
    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'warm', stateSinceMs: now });
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
      orders: noOrders,
      scaling: null,
      boots: nothingBoots,
    });
  });
}

function order(scene: Scene): void {
  const ordersOf = async (pool: string): Promise<PoolOrders> => (await scene.ports.pools.read(pool)).orders;

  it('follows the rule through every order after every other', async () => {
    const pool = await scene.pool();
    const [first, second] = ['warmup_1', 'warmup_2'].map((warmupId, index) => {
      return { tenantId: 'tenant-a', warmupId, model: 'm', untilMs: now + (index + 1) * 60_000 };
    });
    if (first === undefined || second === undefined) throw new Error('there are two warm-ups');
    const theirs = { ...first, tenantId: 'tenant-B', warmupId: 'warmup_3' };
    const each: readonly PoolOrder[] = [
      { kind: 'pause', atMs: now },
      { kind: 'drain', atMs: now + 1 },
      { kind: 'prewarm', workers: 2, untilMs: now + 60_000 },
      { kind: 'resume' },
      { kind: 'end_drain', atMs: now + 1 },
      { kind: 'end_drain', atMs: now + 2 },
      { kind: 'prewarm', workers: 0, untilMs: now + 60_000 },
      { kind: 'warm_up', warmup: first, previousId: null },
      { kind: 'warm_up', warmup: second, previousId: 'warmup_1' },
      { kind: 'warm_up', warmup: theirs, previousId: null },
      { kind: 'undo_warm_up', warmup: second, previous: first },
      { kind: 'undo_warm_up', warmup: first, previous: null },
      { kind: 'forget_warm_ups', tenantIds: ['tenant-a'], beforeMs: now + 60_001 },
      { kind: 'forget_warm_ups', tenantIds: ['tenant-a', 'tenant-B'], beforeMs: now + 120_001 },
    ];
    let expected = noOrders;

    for (const given of each.flatMap((first) => each.flatMap((second) => [first, second]))) {
      const after = obey(expected, given);
      expect(await scene.ports.pools.order(pool, given)).toBe(after === null ? 'refused' : 'obeyed');
      expected = after ?? expected;
      expect(await ordersOf(pool)).toEqual(expected);
    }
  });

  it('keeps the instant of the first pause and the first drain', async () => {
    const pool = await scene.pool();

    for (const atMs of [now, now + 5]) {
      await scene.ports.pools.order(pool, { kind: 'pause', atMs });
      await scene.ports.pools.order(pool, { kind: 'drain', atMs });
    }

    expect(await ordersOf(pool)).toEqual({ ...noOrders, pausedAtMs: now, drainingAtMs: now });
  });

  it('takes warm-ups of 16 tenants at once, and of one tenant the one that goes on from what stands', async () => {
    const pool = await scene.pool();
    const warmupOf = (tenantId: string, warmupId: string) => {
      return { tenantId, warmupId, model: 'm', untilMs: now + 60_000 };
    };

    await atOnce(16, (index) => {
      const warmup = warmupOf(`tenant-${String(index).padStart(2, '0')}`, `warmup_${index}`);
      return scene.ports.pools.order(pool, { kind: 'warm_up', warmup, previousId: null });
    });
    const outcomes = await atOnce(16, (index) =>
      scene.ports.pools.order(pool, {
        kind: 'warm_up',
        warmup: warmupOf('tenant-00', `next_${index}`),
        previousId: 'warmup_0',
      }),
    );

    expect(outcomes.filter((outcome) => outcome === 'obeyed')).toHaveLength(1);
    const { warmups } = await ordersOf(pool);
    expect(warmups.map(({ tenantId }) => tenantId)).toEqual(
      warmups.map(({ tenantId }) => tenantId).toSorted(),
    );
    expect(warmups.map(({ warmupId }) => warmupId).slice(1)).toEqual(
      Array.from({ length: 15 }, (_, index) => `warmup_${index + 1}`),
    );
  });

  it('ends a drain exactly once under 16 parallel callers', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.order(pool, { kind: 'drain', atMs: now });

    const outcomes = await atOnce(16, () => scene.ports.pools.order(pool, { kind: 'end_drain', atMs: now }));

    expect(outcomes.filter((outcome) => outcome === 'obeyed')).toHaveLength(1);
  });

  it('leaves state and virtual times alone', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.move(pool, ['cold'], 'warm', now);
    await scene.ports.pools.advance(pool, 'batch', 7);

    await scene.ports.pools.order(pool, { kind: 'pause', atMs: now + 1 });

    expect(await scene.ports.pools.read(pool)).toMatchObject({
      state: 'warm',
      stateSinceMs: now,
      virtualTimes: { interactive: 0, batch: 7 },
    });
  });
}

function noteScaling(scene: Scene): void {
  it('keeps the latest word of the scaler and leaves the rest alone', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.order(pool, { kind: 'pause', atMs: now });

    await scene.ports.pools.noteScaling(pool, { desired: 1, running: 0, workersMax: 4 });
    await scene.ports.pools.noteScaling(pool, { desired: 2, running: 1, workersMax: 4 });

    expect(await scene.ports.pools.read(pool)).toMatchObject({
      state: 'cold',
      orders: { pausedAtMs: now },
      scaling: { desired: 2, running: 1, workersMax: 4 },
    });
  });
}

function enlist(scene: Scene): void {
  it('lists every pool that was enlisted, once, and no other', async () => {
    const own = await atOnce(30, () => scene.pool());
    const shared = await scene.pool();
    await scene.ports.pools.move(shared, ['cold'], 'warm', now);

    for (const pool of own) await scene.ports.pools.enlist(pool);
    await scene.ports.pools.enlist(own[0] ?? '');

    await scene.eventually(async () => {
      const listed = await allPages((cursor) => scene.ports.pools.listOwn(cursor));
      expect(listed.filter((pool) => own.includes(pool)).toSorted()).toEqual(own.toSorted());
      expect(listed).not.toContain(shared);
    });
  });

  it('leaves state and orders alone, and they leave it listed', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.move(pool, ['cold'], 'warm', now);

    await scene.ports.pools.enlist(pool);
    await scene.ports.pools.order(pool, { kind: 'pause', atMs: now });
    await scene.ports.pools.move(pool, ['warm'], 'idle', now + 1);

    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'idle', orders: { pausedAtMs: now } });
    await scene.eventually(async () => {
      expect(await allPages((cursor) => scene.ports.pools.listOwn(cursor))).toContain(pool);
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
      orders: noOrders,
      scaling: null,
      boots: nothingBoots,
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

function noteBoots(scene: Scene): void {
  const next = (version: number, instanceId: string) => {
    return { version, waiting: { [instanceId]: now }, replaced: [{ instanceId: 'i-0', atMs: now - 1 }] };
  };

  it('stores one version after the other, and leaves the rest of the pool alone', async () => {
    const pool = await scene.pool();
    await scene.ports.pools.move(pool, ['cold'], 'waking', now);

    expect(await scene.ports.pools.noteBoots(pool, next(1, 'i-1'))).toBe('stored');
    expect(await scene.ports.pools.noteBoots(pool, next(2, 'i-2'))).toBe('stored');

    expect(await scene.ports.pools.read(pool)).toMatchObject({ state: 'waking', boots: next(2, 'i-2') });
  });

  it('refuses a version that is not the next, and changes nothing', async () => {
    const pool = await scene.pool();

    expect(await scene.ports.pools.noteBoots(pool, next(2, 'i-2'))).toBe('conflict');
    await scene.ports.pools.noteBoots(pool, next(1, 'i-1'));
    expect(await scene.ports.pools.noteBoots(pool, next(1, 'i-3'))).toBe('conflict');

    expect((await scene.ports.pools.read(pool)).boots).toEqual(next(1, 'i-1'));
  });

  it('stores one of 32 parallel next versions', async () => {
    const pool = await scene.pool();

    const outcomes = await atOnce(32, (index) => scene.ports.pools.noteBoots(pool, next(1, `i-${index}`)));

    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
  });
}
