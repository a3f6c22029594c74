import { describe, expect, it } from 'vitest';
import { samplePlan, sampleTenant } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/plans/studio';

describe('200', () => {
  it('removes a plan that nobody is on', async () => {
    const scene = await createAdminScene();
    await scene.plans.put(samplePlan());

    const got = await scene.ask('adminDeletePlan', path);

    expect(got.json).toMatchObject({ name: 'studio', object: 'plan' });
    expect((await scene.ask('adminListPlans', '/admin/v1/plans')).json.data).toHaveLength(3);
  });

  it('keeps the limits of a tenant that was put on it in that moment', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ plan: 'studio' }) });
    await scene.plans.put(samplePlan({ removedAtMs: 1 }));

    expect((await scene.tryKey(scene.key)).status).toBe(202);
  });
});

describe('404', () => {
  it.each(['studio', 'a.b', '__proto__'])('has no plan %s', async (name) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminDeletePlan', `/admin/v1/plans/${name}`);

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('does not remove a plan that a tenant is on, and names the tenant', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ plan: 'studio' }) });
    await scene.plans.put(samplePlan());

    const got = await scene.ask('adminDeletePlan', path);

    expect(got.json.error).toMatchObject({ code: 'conflict' });
    expect(got.json.error.message).toContain('tenant-a');
  });

  it('does not remove a plan that ships', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminDeletePlan', '/admin/v1/plans/vip')).status).toBe(409);
  });
});
