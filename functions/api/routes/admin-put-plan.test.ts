import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { samplePlan, sampleTenant } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/plans/studio';
const limits = { weight: 8, open_jobs_max: 50 };

describe('200', () => {
  it('stores a plan, and changes it for the tenants that are on it', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ plan: 'studio' }) });
    await scene.ask('adminPutPlan', path, limits);
    expect((await scene.tryKey(scene.key)).status).toBe(202);

    const got = await scene.ask('adminPutPlan', path, { ...limits, open_jobs_max: 1 });
    await scene.clock.advance(apiLimits.keyCacheMs);

    expect(got.json).toMatchObject({ name: 'studio', shipped: false, limits: { open_jobs_max: 1 } });
    expect((await scene.tryKey(scene.key)).json.error.code).toBe('concurrency_limit');
    expect((await scene.send('getLimits', '/v1/limits')).json).toMatchObject({ plan: 'studio', weight: 8 });
  });

  it('revives a plan that was removed', async () => {
    const scene = await createAdminScene();
    await scene.plans.put(samplePlan({ removedAtMs: 1 }));

    await scene.ask('adminPutPlan', path, limits);

    expect(await scene.plans.get('studio')).toMatchObject({ removedAtMs: null, version: 2, limits });
  });
});

describe('400', () => {
  it.each([
    [{ weight: 1 }, 'open_jobs_max'],
    [{ ...limits, weight: -1 }, 'weight'],
    [{ ...limits, requests_per_minute: 11, requests_per_day: 10 }, 'requests_per_minute'],
    [{ ...limits, requests_per_hour: 10 }, 'requests_per_hour'],
  ])('names the field at fault in %j', async (body, param) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminPutPlan', path, body);

    expect(got.json.error.details.map((detail: { path: string }) => detail.path)).toContain(param);
    expect(await scene.plans.get('studio')).toBeNull();
  });

  it('refuses a name that no plan can have', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminPutPlan', '/admin/v1/plans/a.b', limits);

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'name' });
  });
});

describe('409', () => {
  it('does not change a plan that ships', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminPutPlan', '/admin/v1/plans/pro', limits)).json.error.code).toBe('conflict');
  });

  it('tells when somebody else changed it in between', async () => {
    const base = await createAdminScene();
    await base.plans.put(samplePlan());
    const plans = { ...base.plans, get: async () => null };
    const scene = await createAdminScene({ change: { plans } });

    const got = await scene.ask('adminPutPlan', path, limits);

    expect(got.json.error.code).toBe('conflict');
  });
});
