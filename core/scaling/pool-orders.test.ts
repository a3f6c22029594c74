import { describe, expect, it } from 'vitest';
import { conditionOf, isHeldBack, noOrders, obey, prewarmedWorkers } from './pool-orders.ts';

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
