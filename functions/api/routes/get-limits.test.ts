import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells every limit of the plan, what is used of it and when it resets', async () => {
    const scene = await createApiScene({ tenant: sampleTenant({ plan: 'free' }) });
    await scene.submit();

    const got = await scene.send('getLimits', '/v1/limits');

    expect(got.json).toMatchObject({ tenant: 'tenant-a', plan: 'free', per_request: { steps_max: 8 } });
    expect(got.json.limits).toContainEqual({ name: 'open_jobs_max', max: 5, used: 1, resets_at: null });
    expect(got.json.limits).toContainEqual({
      name: 'requests_per_minute',
      max: 5,
      used: 1,
      resets_at: '2030-03-17T17:47:00.000Z',
    });
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
