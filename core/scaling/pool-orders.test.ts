import { describe, expect, it } from 'vitest';
import {
  conditionOf,
  isHeldBack,
  noOrders,
  obey,
  prewarmedWorkers,
  standingWarmups,
  warmupOf,
} from './pool-orders.ts';

const prewarm = { workers: 2, untilMs: 1_000 };

describe('obey', () => {
  it('refuses a prewarm of a paused pool and lets it through after the resume', () => {
    const paused = { ...noOrders, pausedAtMs: 5 };

    expect(obey(paused, { kind: 'prewarm', ...prewarm })).toBeNull();
    expect(obey({ ...paused, pausedAtMs: null }, { kind: 'prewarm', ...prewarm })).toEqual({
      ...noOrders,
      prewarm,
    });
  });

  it('keeps a prewarm through pause and resume, and ends it with a drain or with zero workers', () => {
    const warm = { ...noOrders, prewarm };

    expect(obey(warm, { kind: 'pause', atMs: 5 })).toEqual({ ...warm, pausedAtMs: 5 });
    expect(obey({ ...warm, pausedAtMs: 5 }, { kind: 'resume' })).toEqual(warm);
    expect(obey(warm, { kind: 'drain', atMs: 5 })).toEqual({ ...noOrders, drainingAtMs: 5 });
    expect(obey(warm, { kind: 'prewarm', workers: 0, untilMs: 9 })).toEqual(noOrders);
  });

  it('keeps a pause through a drain and its end', () => {
    const both = { ...noOrders, pausedAtMs: 5, drainingAtMs: 6 };

    expect(obey({ ...noOrders, pausedAtMs: 5 }, { kind: 'drain', atMs: 6 })).toEqual(both);
    expect(obey(both, { kind: 'end_drain', atMs: 6 })).toEqual({ ...noOrders, pausedAtMs: 5 });
  });

  it('ends no drain but the one it means', () => {
    expect(obey({ ...noOrders, drainingAtMs: 6 }, { kind: 'end_drain', atMs: 5 })).toBeNull();
    expect(obey(noOrders, { kind: 'end_drain', atMs: 5 })).toBeNull();
  });
});

describe('obey, of warm-ups', () => {
  const warmup = { tenantId: 'tenant-b', warmupId: 'w1', model: 'm', untilMs: 1_000 };
  const longer = { ...warmup, warmupId: 'w2', untilMs: 2_000 };
  const theirs = { ...warmup, tenantId: 'tenant-a', warmupId: 'w3' };
  const standing = { ...noOrders, warmups: [warmup] };
  const next = { kind: 'warm_up', warmup: longer, previousId: 'w1' } as const;

  it('keeps one for each tenant, in the order of tenants', () => {
    const both = obey(standing, { kind: 'warm_up', warmup: theirs, previousId: null });

    expect(both).toEqual({ ...noOrders, warmups: [theirs, warmup] });
    expect(both && obey(both, next)).toEqual({ ...noOrders, warmups: [theirs, longer] });
  });

  it('goes on from the one that it names, from nothing, and from itself, and from no other', () => {
    const after = { ...noOrders, warmups: [longer] };

    expect(obey(standing, next)).toEqual(after);
    expect(obey(after, next)).toEqual(after);
    expect(obey(noOrders, next)).toEqual(after);
    expect(obey(after, { ...next, warmup: { ...longer, warmupId: 'w9' } })).toBeNull();
    expect(obey(standing, { ...next, previousId: null })).toBeNull();
  });

  it('refuses one while the pool is paused, and keeps those that stand through pause, resume and drain', () => {
    const paused = { ...standing, pausedAtMs: 5 };

    expect(obey(paused, next)).toBeNull();
    expect(obey(standing, { kind: 'pause', atMs: 5 })).toEqual(paused);
    expect(obey(paused, { kind: 'resume' })).toEqual(standing);
    expect(obey(standing, { kind: 'drain', atMs: 5 })).toEqual({ ...standing, drainingAtMs: 5 });
  });

  it('puts back what stood before, if it stands itself, on a paused pool too', () => {
    const after = { ...noOrders, warmups: [longer], pausedAtMs: 5 };
    const undo = { kind: 'undo_warm_up', warmup: longer } as const;

    expect(obey(after, { ...undo, previous: warmup })).toEqual({ ...standing, pausedAtMs: 5 });
    expect(obey(after, { ...undo, previous: null })).toEqual({ ...noOrders, pausedAtMs: 5 });
    expect(obey(standing, { ...undo, previous: null })).toBeNull();
    expect(obey(noOrders, { ...undo, previous: null })).toBeNull();
  });

  it('forgets those that ended before an instant, and none when one of them did not', () => {
    const both = { ...noOrders, warmups: [theirs, longer] };
    const forget = { kind: 'forget_warm_ups', beforeMs: 2_000 } as const;

    expect(obey(both, { ...forget, tenantIds: ['tenant-a'] })).toEqual({ ...noOrders, warmups: [longer] });
    expect(obey(both, { ...forget, tenantIds: ['tenant-a', 'tenant-b'] })).toBeNull();
    expect(obey(both, { ...forget, tenantIds: ['tenant-c'] })).toBeNull();
  });
});

describe('warm-ups', () => {
  const warmups = [
    { tenantId: 'a', warmupId: 'w1', model: 'm', untilMs: 3_000 },
    { tenantId: 'b', warmupId: 'w2', model: 'm', untilMs: 1_000 },
    { tenantId: 'c', warmupId: 'w3', model: 'm', untilMs: 2_000 },
  ];
  const orders = { ...noOrders, warmups };

  it('stand until their instant and not in it, the one that ends last at the end', () => {
    const idsAt = (nowMs: number) => standingWarmups(orders, nowMs).map(({ warmupId }) => warmupId);

    expect(idsAt(999)).toEqual(['w2', 'w3', 'w1']);
    expect(idsAt(1_000)).toEqual(['w3', 'w1']);
    expect(idsAt(3_000)).toEqual([]);
    expect(warmupOf(orders, 'b')?.warmupId).toBe('w2');
    expect(warmupOf(orders, 'constructor')).toBeNull();
  });

  it('keep one worker up, however many there are, and none beside those of a prewarm', () => {
    const prewarm = { workers: 2, untilMs: 1_500 };

    expect(prewarmedWorkers(orders, 0)).toBe(1);
    expect(prewarmedWorkers({ ...orders, prewarm }, 0)).toBe(2);
    expect(prewarmedWorkers({ ...orders, prewarm }, 1_500)).toBe(1);
    expect(prewarmedWorkers(orders, 3_000)).toBe(0);
  });
});

describe('isHeldBack', () => {
  it.each([
    [noOrders, false],
    [{ ...noOrders, prewarm }, false],
    [{ ...noOrders, pausedAtMs: 0 }, true],
    [{ ...noOrders, drainingAtMs: 0 }, true],
  ])('of %j is %s', (orders, held) => {
    expect(isHeldBack(orders)).toBe(held);
  });
});

describe('prewarmedWorkers', () => {
  it('counts until the instant and not in it', () => {
    const orders = { ...noOrders, prewarm };

    expect(prewarmedWorkers(orders, 999)).toBe(2);
    expect(prewarmedWorkers(orders, 1_000)).toBe(0);
    expect(prewarmedWorkers(noOrders, 0)).toBe(0);
  });
});

describe('conditionOf', () => {
  it('says paused before anything else, and that workers start after a drain', () => {
    expect(conditionOf({ state: 'idle', orders: noOrders })).toBe('idle');
    expect(conditionOf({ state: 'warm', orders: { ...noOrders, drainingAtMs: 1 } })).toBe('waking');
    expect(conditionOf({ state: 'warm', orders: { ...noOrders, drainingAtMs: 1, pausedAtMs: 1 } })).toBe(
      'paused',
    );
  });
});
