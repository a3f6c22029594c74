import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { cacheLimits, jobLimits } from '../limits.ts';
import { fullJob } from '../samples.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { cachedResultOf, cacheUseOf, resultKey } from './cached-result.ts';

const base: PlanLimits = { weight: 1, open_jobs_max: 5 };
const input = { prompt: 'a lighthouse', seed: 7 };

describe('the key of a result', () => {
  it('is equal for equal inputs, however they are written', () => {
    const swapped = { seed: 7, prompt: 'a lighthouse' };

    expect(resultKey(fakeManifest, swapped)).toBe(resultKey(fakeManifest, input));
  });

  it('differs with model, revision and every field of the input', () => {
    const keys = [
      resultKey(fakeManifest, input),
      resultKey({ id: 'other', revision: '1' }, input),
      resultKey({ id: fakeManifest.id, revision: '2' }, input),
      resultKey(fakeManifest, { ...input, seed: 8 }),
      resultKey(fakeManifest, { ...input, prompt: 'a lighthouse ' }),
      resultKey(fakeManifest, { ...input, adapters: ['mine'] }),
      resultKey(fakeManifest, { prompt: 'a lighthouse' }),
    ];

    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('whether the cache is used', () => {
  it.each([
    ['off', null, 'none'],
    ['off', false, 'none'],
    ['off', true, 'invalid'],
    ['on_request', null, 'none'],
    ['on_request', false, 'none'],
    ['on_request', true, 'use'],
    ['on', null, 'use'],
    ['on', false, 'none'],
    ['on', true, 'use'],
  ] as const)('follows the setting %s and the request %s: %s', (result_cache, asked, kind) => {
    expect(cacheUseOf({ ...base, result_cache }, { asked, manifest: fakeManifest, input }).kind).toBe(kind);
  });

  it('is no without a seed, and a fault where the request insists', () => {
    const limits = { ...base, result_cache: 'on' } as const;
    const seedless = { prompt: 'a lighthouse' };
    const { seed: _seed, ...properties } = fakeManifest.input_schema.properties;
    const manifest = { ...fakeManifest, input_schema: { ...fakeManifest.input_schema, properties } };

    const use = (asked: boolean | null) =>
      cacheUseOf(limits, { asked, manifest: fakeManifest, input: seedless });
    expect(use(null)).toEqual({ kind: 'none' });
    expect(use(true)).toMatchObject({ kind: 'invalid', details: [{ path: 'input.seed' }] });
    expect(cacheUseOf(limits, { asked: null, manifest, input: seedless })).toEqual({ kind: 'none' });
    expect(cacheUseOf(limits, { asked: true, manifest, input: seedless })).toMatchObject({
      kind: 'invalid',
      details: [{ path: 'cache' }],
    });
  });

  it('takes time and bound from the limits', () => {
    const limits = {
      ...base,
      result_cache: 'on',
      result_cache_seconds: 60,
      result_cache_entries_max: 3,
    } as const;
    const use = (given: PlanLimits) => cacheUseOf(given, { asked: null, manifest: fakeManifest, input });

    expect(use(limits)).toMatchObject({ cache: { ttlMs: 60_000, entriesMax: 3 } });
    expect(use({ ...base, result_cache: 'on' })).toMatchObject({
      cache: { ttlMs: cacheLimits.ttlSecondsDefault * 1000, entriesMax: cacheLimits.entriesDefault },
    });
  });
});

describe('what is kept of a job', () => {
  it('is its result, for as long as its limits say from its end on', () => {
    const job = fullJob({ status: 'succeeded', place: { kind: 'done' } });

    expect(cachedResultOf(job)).toMatchObject({
      tenantId: job.tenantId,
      key: job.cache?.key,
      jobId: job.jobId,
      outputs: job.outputs,
      expiresAtMs: (job.finishedAtMs ?? 0) + 60_000,
    });
  });

  it.each([
    ['failed', { status: 'failed' }],
    ['canceled', { status: 'canceled' }],
    ['not to be kept', { status: 'succeeded', cache: null }],
  ] as const)('is nothing for one that is %s', (_title, change) => {
    expect(cachedResultOf(fullJob({ place: { kind: 'done' }, ...change }))).toBeNull();
  });

  it('is gone with its files where they go before its time', () => {
    const fields = { status: 'succeeded', place: { kind: 'done' }, filesUntilMs: null } as const;
    const cache = { key: 'c', ttlMs: 7 * 86_400_000, entriesMax: 1 };
    const job = fullJob({ ...fields, cache, finishedAtMs: 1_900_000_000_000, retentionMs: 86_400_000 });

    expect(cachedResultOf(job)).toMatchObject({
      expiresAtMs: 1_900_086_400_000,
      filesUntilMs: 1_900_086_400_000,
    });
    const later = cachedResultOf({ ...job, retentionMs: 8 * 86_400_000 });
    expect(later?.filesUntilMs).toBe(1_900_000_000_000 + 8 * 86_400_000);
    expect(later?.expiresAtMs).toBe(1_900_000_000_000 + cache.ttlMs);
  });

  it('is gone before its files are', () => {
    const daysLeft = (jobLimits.keptMs - cacheLimits.ttlSecondsMax * 1000) / (24 * 60 * 60 * 1000);

    expect(daysLeft).toBeGreaterThanOrEqual(21);
  });
});
