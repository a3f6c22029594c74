import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/suspend';

describe('200', () => {
  it('stops admission at once, even where the key is remembered', async () => {
    const scene = await createAdminScene();
    await scene.submit();

    const got = await scene.ask('adminSuspendTenant', path);

    expect(got.json.status).toBe('suspended');
    expect((await scene.tryKey(scene.key)).json.error.code).toBe('tenant_suspended');
  });

  it('refuses everything once keys are read again, and may be said twice', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminSuspendTenant', path);
    await scene.ask('adminSuspendTenant', path);

    await scene.clock.advance(apiLimits.keyCacheMs);

    const got = await scene.send('getLimits', '/v1/limits');
    expect(got.json.error.code).toBe('tenant_suspended');
  });

  it('leaves what is open to run and settle', async () => {
    const scene = await createAdminScene();
    const id = await scene.submit();

    await scene.ask('adminSuspendTenant', path);
    await scene.finish(id);

    expect(await scene.jobOf(id)).toMatchObject({ status: 'succeeded' });
    expect(await scene.gates.read('tenant-a')).toMatchObject({ open: {} });
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminSuspendTenant', `/admin/v1/tenants/${id}/suspend`);

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('does not shut the operator out', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminSuspendTenant', '/admin/v1/tenants/operator/suspend');

    expect(got.json.error.code).toBe('conflict');
  });
});
