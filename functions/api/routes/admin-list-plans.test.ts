import { describe, expect, it } from 'vitest';
import { samplePlan } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/plans';

describe('200', () => {
  it("lists the plans that ship, then the operator's own, without removed ones", async () => {
    const scene = await createAdminScene();
    await scene.plans.put(samplePlan());
    await scene.plans.put(samplePlan({ name: 'gone', removedAtMs: 1 }));

    const got = await scene.ask('adminListPlans', path);

    expect(got.json.data).toMatchObject([
      { name: 'free', shipped: true, limits: { weight: 1 } },
      { name: 'pro', shipped: true },
      { name: 'vip', shipped: true },
      { name: 'studio', shipped: false, limits: { weight: 8 } },
    ]);
    expect(got.json.data).toHaveLength(4);
  });
});

describe('400', () => {
  it('refuses a query that says nothing to us', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListPlans', `${path}?limit=1`)).status).toBe(400);
  });
});
