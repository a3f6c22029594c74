import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stored, StoredBytes } from './stored-bytes.ts';
import {
  bytesOfGb,
  clearsAtMs,
  forgettableBuckets,
  gbOfBytes,
  keptBytes,
  lastingBucket,
  nextGoneAtMs,
  plusStored,
  storedOf,
} from './stored-bytes.ts';

const dayMs = 86_400_000;
const midnight = Date.UTC(2030, 2, 18);

interface Result {
  readonly bytesStored: number;
  readonly atMs: number;
  readonly retentionMs: number;
}

const anyResult: fc.Arbitrary<Result> = fc.record({
  bytesStored: fc.nat({ max: 5_000_000 }),
  atMs: fc.integer({ min: midnight - 40 * dayMs, max: midnight + 40 * dayMs }),
  retentionMs: fc.integer({ min: 1, max: 30 }).map((days) => days * dayMs),
});
const anyResults = fc.array(anyResult, { maxLength: 40 });
const anyInstant = fc.integer({ min: midnight - 80 * dayMs, max: midnight + 80 * dayMs });

describe('what a tenant keeps', () => {
  it('is, at any instant, the bytes of the results that no midnight has found past their retention', () => {
    fc.assert(
      fc.property(anyResults, anyInstant, (results, nowMs) => {
        const stored = sumUp(results);

        const lastMidnightMs = Math.floor(nowMs / dayMs) * dayMs;
        const kept = results.filter(({ atMs, retentionMs }) => atMs + retentionMs > lastMidnightMs);
        expect(keptBytes(stored, nowMs)).toBe(kept.reduce((sum, { bytesStored }) => sum + bytesStored, 0));
      }),
    );
  });

  it('falls below a bound at the instant named, and not a millisecond before', () => {
    fc.assert(
      fc.property(anyResults, anyInstant, fc.integer({ min: 1, max: 60_000_000 }), (results, nowMs, max) => {
        const stored = sumUp(results);

        const atMs = clearsAtMs(stored, max, nowMs);

        expect(atMs === null).toBe(keptBytes(stored, nowMs) < max);
        if (atMs === null) return;
        expect(atMs).toBeGreaterThan(nowMs);
        expect(keptBytes(stored, atMs)).toBeLessThan(max);
        expect(keptBytes(stored, atMs - 1)).toBeGreaterThanOrEqual(max);
      }),
    );
  });

  it('is the same when what may be forgotten is', () => {
    fc.assert(
      fc.property(anyResults, anyInstant, fc.nat({ max: 7 * dayMs - 1 }), (results, nowMs, backMs) => {
        const stored = sumUp(results);
        const past = forgettableBuckets(stored, nowMs);

        const left = Object.fromEntries(Object.entries(stored).filter(([bucket]) => !past.includes(bucket)));

        expect(keptBytes(left, nowMs - backMs)).toBe(keptBytes(stored, nowMs - backMs));
      }),
    );
  });

  it('goes at a midnight, the next of it first', () => {
    const stored = sumUp([
      { bytesStored: 5, atMs: midnight - 1, retentionMs: dayMs },
      { bytesStored: 7, atMs: midnight, retentionMs: dayMs },
      { bytesStored: 9, atMs: midnight + 1, retentionMs: dayMs },
    ]);

    expect(nextGoneAtMs(stored, midnight)).toBe(midnight + dayMs);
    expect(keptBytes(stored, midnight + dayMs - 1)).toBe(21);
    expect(keptBytes(stored, midnight + dayMs)).toBe(9);
    expect(nextGoneAtMs(stored, midnight + dayMs)).toBe(midnight + 2 * dayMs);
    expect(nextGoneAtMs(stored, midnight + 2 * dayMs)).toBeNull();
  });

  it('is for good what lasts: it is never forgotten, and no midnight makes room that it takes', () => {
    fc.assert(
      fc.property(anyResults, anyInstant, fc.nat({ max: 60_000_000 }), (results, nowMs, lasting) => {
        const days = sumUp(results);
        const stored = { ...days, [lastingBucket]: lasting };

        expect(keptBytes(stored, nowMs)).toBe(keptBytes(days, nowMs) + lasting);
        expect(nextGoneAtMs(stored, nowMs)).toBe(nextGoneAtMs(days, nowMs));
        expect(forgettableBuckets(stored, nowMs)).not.toContain(lastingBucket);
        expect(clearsAtMs(stored, lasting, nowMs)).toBe(Number.POSITIVE_INFINITY);
        expect(clearsAtMs(stored, lasting + 1, nowMs)).toBe(clearsAtMs(days, 1, nowMs));
      }),
    );
  });

  it('has no bucket for a job that left no files', () => {
    expect(storedOf({ bytesStored: 0, atMs: midnight, retentionMs: dayMs })).toBeNull();
  });
});

describe('GB of a limit', () => {
  it.each([
    [0.000_001, 1_000],
    [0.3, 300_000_000],
    [5, 5_000_000_000],
    [1_000_000, 1e15],
  ])('%d are %d bytes, and those as much again', (gb, bytes) => {
    expect(bytesOfGb(gb)).toBe(bytes);
    expect(gbOfBytes(bytes)).toBe(gb);
  });
});

function sumUp(results: readonly Result[]): StoredBytes {
  const stored = results.map(storedOf).filter((each): each is Stored => each !== null);
  return stored.reduce<StoredBytes>(plusStored, {});
}
