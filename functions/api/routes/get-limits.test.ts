import { describe, expect, it } from 'vitest';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells every limit of the plan, what is used of it and when it resets', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ plan: 'free' }) });
    await scene.submit();

    const got = await scene.send('getLimits', '/v1/limits');

    expect(got.json).toMatchObject({ tenant: 'tenant-a', plan: 'free', per_request: { steps_max: 8 } });
    expect(got.json.retention_days).toBe(30);
    expect(got.json.limits).toContainEqual({ name: 'open_jobs_max', max: 5, used: 1, resets_at: null });
    expect(got.json.limits).toContainEqual({
      name: 'requests_per_minute',
      max: 5,
      used: 1,
      resets_at: '2030-03-17T17:47:00.000Z',
    });
  });
});

describe('200, of the class of jobs', () => {
  it.each([
    [{}, 'interactive'],
    [{ class_default: 'batch' }, 'batch'],
  ] as const)(
    'under %j tells that a request without one makes a job of class %s',
    async (overrides, jobClass) => {
      const scene = await createApiScene({ tenant: sampleTenant({ overrides }) });

      const got = await scene.send('getLimits', '/v1/limits');

      expect(got.json.class_default).toBe(jobClass);
    },
  );
});

describe('200, of a tenant with every limit', () => {
  it('tells GPU time in seconds and money in micro-USD, and warns of a soft budget that is passed', async () => {
    const overrides = {
      requests_per_second: 2,
      tokens_per_minute: 40,
      gpu_seconds_per_month: 9,
      budget_usd_micros_per_month: 5_000,
      budget_soft_usd_micros_per_month: 100,
    };
    const scene = await createApiScene({ tenant: sampleTenant({ plan: 'vip', overrides }) });
    const before = await scene.send('getLimits', '/v1/limits');
    await scene.submit();

    const got = await scene.send('getLimits', '/v1/limits');

    const month = '2030-04-01T00:00:00.000Z';
    expect(before.json.warnings).toEqual([]);
    expect(got.json.warnings).toEqual(['budget_soft_usd_micros_per_month']);
    expect(got.json.limits).toEqual([
      { name: 'open_jobs_max', max: 500, used: 1, resets_at: null },
      { name: 'requests_per_second', max: 2, used: 1, resets_at: '2030-03-17T17:46:41.000Z' },
      { name: 'tokens_per_minute', max: 40, used: 2, resets_at: '2030-03-17T17:47:00.000Z' },
      { name: 'gpu_seconds_per_month', max: 9, used: 1, resets_at: month },
      { name: 'budget_usd_micros_per_month', max: 5_000, used: 210, resets_at: month },
      { name: 'storage_gb_max', max: null, used: 0, resets_at: null },
      { name: 'budget_soft_usd_micros_per_month', max: 100, used: 210, resets_at: month },
    ]);
  });
});

describe('200, of a tenant that keeps results', () => {
  it('tells in GB what they take, and when the next of them goes', async () => {
    const overrides = { storage_gb_max: 1.5 };
    const scene = await createApiScene({ tenant: sampleTenant({ overrides }) });
    const id = await scene.submit();
    const token = (await scene.gates.read('tenant-a'))?.open[id] ?? '';
    const stored = { bucket: String(Math.floor(sampleNowMs / 86_400_000) + 2), bytes: 123_456_789 };
    await scene.gates.release('tenant-a', id, { token, corrections: [], finishTag: null, stored });

    const got = await scene.send('getLimits', '/v1/limits');

    expect(got.json.limits).toContainEqual({
      name: 'storage_gb_max',
      max: 1.5,
      used: 0.123456789,
      resets_at: '2030-03-19T00:00:00.000Z',
    });
  });
});

describe('200, of warm-ups', () => {
  const path = '/v1/models/fake-image/warmup';

  it('tells the cap of the day with what is used of it', async () => {
    const overrides = { warmup_usd_micros_per_day: 100_000 };
    const scene = await createApiScene({ tenant: sampleTenant({ overrides }) });
    await scene.send('warmUpModel', path, { body: { for_s: 60 } });

    const got = await scene.send('getLimits', '/v1/limits');

    expect(got.json.limits).toContainEqual({
      name: 'warmup_usd_micros_per_day',
      max: 100_000,
      used: 60_000,
      resets_at: '2030-03-18T00:00:00.000Z',
    });
  });

  it('tells a cap of nothing, and without a cap what is used, if anything', async () => {
    const free = await createApiScene({ tenant: sampleTenant({ plan: 'free' }) });
    const pro = await createApiScene();
    const rowOf = async (scene: typeof pro) => {
      const { json } = await scene.send('getLimits', '/v1/limits');
      return json.limits.find(({ name }: { name: string }) => name === 'warmup_usd_micros_per_day');
    };

    expect(await rowOf(free)).toMatchObject({ max: 0, used: 0 });
    expect(await rowOf(pro)).toBeUndefined();
    await pro.send('warmUpModel', path, { body: { for_s: 60 } });
    expect(await rowOf(pro)).toMatchObject({ max: null, used: 60_000 });
  });
});

describe('403', () => {
  it('treats a tenant without a gate as admission does', async () => {
    const scene = await createApiScene();
    const gates = { ...scene.gates, read: async () => null };
    const other = await createApiScene({ change: { ...scene, gates } });

    const got = await other.send('getLimits', '/v1/limits', { key: scene.key });

    expect(got.json.error.code).toBe('tenant_suspended');
  });
});
