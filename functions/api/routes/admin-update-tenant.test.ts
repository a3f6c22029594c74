import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { samplePlan, sampleTenant } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a';

describe('200', () => {
  it('changes the plan, sets single limits and removes one by null', async () => {
    const tenant = sampleTenant({ overrides: { weight: 7, steps_max: 9 } });
    const scene = await createAdminScene({ tenant });

    const got = await scene.ask('adminUpdateTenant', path, {
      plan: 'vip',
      weight: null,
      open_jobs_max: 20,
    });

    expect(got.json).toMatchObject({
      plan: 'vip',
      overrides: { steps_max: 9, open_jobs_max: 20 },
      limits: { weight: 16, steps_max: 9, open_jobs_max: 20 },
    });
    expect(await scene.tenants.get('tenant-a')).toMatchObject({ version: 2, plan: 'vip' });
    expect((await scene.ask('adminGetTenant', path)).json).toEqual(got.json);
  });

  it('leaves what it does not name, and counts once keys are read again', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ overrides: { weight: 7 } }) });
    await scene.submit();

    await scene.ask('adminUpdateTenant', path, { requests_per_minute: 1 });
    await scene.clock.advance(apiLimits.keyCacheMs);
    await scene.submit();

    expect((await scene.tryKey(scene.key)).status).toBe(429);
    expect((await scene.ask('adminGetTenant', path)).json.overrides).toEqual({
      weight: 7,
      requests_per_minute: 1,
    });
  });

  it('does its work on top of what came in between', async () => {
    const scene = await createAdminScene();

    await Promise.all([
      scene.ask('adminUpdateTenant', path, { weight: 3 }),
      scene.ask('adminUpdateTenant', path, { steps_max: 5 }),
      scene.ask('adminUpdateTenant', path, { plan: 'vip' }),
    ]);

    expect(await scene.tenants.get('tenant-a')).toMatchObject({
      plan: 'vip',
      overrides: { weight: 3, steps_max: 5 },
      version: 4,
    });
  });

  it('lets a tenant stay on a plan that was removed under it', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ plan: 'studio' }) });
    await scene.plans.put(samplePlan({ removedAtMs: 1 }));

    expect((await scene.ask('adminUpdateTenant', path, { weight: 3 })).status).toBe(200);
  });
});

describe('400', () => {
  it.each([
    [{ plan: 'gold' }, 'plan'],
    [{ weight: 0 }, 'weight'],
    [{ requests_per_day: 599 }, 'requests_per_minute'],
    [{ storage_gb_max: 0 }, 'storage_gb_max'],
    [{ storage_gb_max: -1 }, 'storage_gb_max'],
    [{ storage_gb_max: 1_000_001 }, 'storage_gb_max'],
    [{ tokens_per_minute: -5 }, 'tokens_per_minute'],
    [{ tokens_per_minute: 2.5 }, 'tokens_per_minute'],
    [{ prompt_tokens_max: 20, tokens_per_minute: 10 }, 'prompt_tokens_max'],
    [{ id: 'b' }, 'id'],
    [{ status: 'suspended' }, 'status'],
  ])('names the field at fault in %j and changes nothing', async (body, param) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminUpdateTenant', path, body);

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect(await scene.tenants.get('tenant-a')).toEqual(sampleTenant());
  });
});

describe('isolation', () => {
  it('of a pool gives the tenant one, which the operator sees and orders', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminUpdateTenant', path, { isolation: 'pool' });
    await scene.submit();

    const listed = await scene.ask('adminListPools', '/admin/v1/pools');
    const paused = await scene.ask('adminPausePool', '/admin/v1/pools/fake--tenant-a/pause');
    const models = await scene.send('listModels', '/v1/models');

    expect(listed.json.data).toMatchObject([
      { id: 'fake', state: 'cold', jobs: { waiting: 0 } },
      { id: 'fake--tenant-a', state: 'waking', jobs: { waiting: 1 }, models: ['fake-image'] },
    ]);
    expect(paused.json.paused_since).not.toBeNull();
    expect(models.json.data).toMatchObject([{ id: 'fake-image', state: 'warming' }]);
    expect((await scene.send('getModel', '/v1/models/fake-image')).json.state).toBe('warming');
  });

  it('of a pool is refused where the platform makes none, for tenants and plans alike', async () => {
    const { ownPools: _none, ...base } = await createAdminScene();
    const scene = await createAdminScene({ change: { ...base, ownPools: undefined } });

    for (const [route, target] of [
      ['adminUpdateTenant', path],
      ['adminPutPlan', '/admin/v1/plans/studio'],
    ] as const) {
      const limits = route === 'adminPutPlan' ? { weight: 1, open_jobs_max: 5 } : {};
      const got = await scene.ask(route, target, { ...limits, isolation: 'pool' });
      expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'isolation' });
    }
  });
});

describe('400, for budgets that are set in separate requests', () => {
  const soft = 'budget_soft_usd_micros_per_month';
  const hard = 'budget_usd_micros_per_month';

  it.each([
    [{ [soft]: 100 }, { [hard]: 50 }],
    [{ [hard]: 50 }, { [soft]: 100 }],
  ])('after %j refuses %j, by the name of the soft one', async (first, second) => {
    const scene = await createAdminScene();
    expect((await scene.ask('adminUpdateTenant', path, first)).status).toBe(200);

    const got = await scene.ask('adminUpdateTenant', path, second);

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: soft });
    expect((await scene.tenants.get('tenant-a'))?.overrides).toEqual(first);
  });

  it('holds them to each other also where one is the plan’s', async () => {
    const scene = await createAdminScene();
    await scene.plans.put(samplePlan({ limits: { weight: 1, open_jobs_max: 5, [hard]: 50 } }));
    await scene.ask('adminUpdateTenant', path, { [soft]: 100 });

    expect((await scene.ask('adminUpdateTenant', path, { plan: 'studio' })).json.error.param).toBe(soft);
    expect((await scene.ask('adminUpdateTenant', path, { plan: 'studio', [soft]: 50 })).status).toBe(200);
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminUpdateTenant', `/admin/v1/tenants/${id}`, { weight: 2 });

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('changes nothing of a deleted tenant', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', path);

    expect((await scene.ask('adminUpdateTenant', path, { weight: 2 })).json.error.code).toBe('conflict');
  });
});
