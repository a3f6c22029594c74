import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/resume';

describe('200', () => {
  it('lets a suspended tenant in again', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ status: 'suspended' }) });

    const got = await scene.ask('adminResumeTenant', path);

    expect(got.json.status).toBe('active');
    expect((await scene.tryKey(scene.key)).status).toBe(202);
  });

  it('opens a gate that a crash while suspending left closed', async () => {
    const base = await createAdminScene();
    const { tenants } = base;
    await tenants.update(sampleTenant({ status: 'suspended', version: 2 }));
    const get: typeof tenants.get = async (id) => {
      const tenant = await tenants.get(id);
      return tenant === null ? null : { ...tenant, status: 'active' };
    };
    const scene = await createAdminScene({ change: { ...base, tenants: { ...tenants, get } } });

    await scene.ask('adminResumeTenant', path, undefined, { key: base.adminKey });

    expect(await base.gates.read('tenant-a')).toMatchObject({ status: 'active' });
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminResumeTenant', `/admin/v1/tenants/${id}/resume`);

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('does not bring a deleted tenant back', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminResumeTenant', path)).json.error.code).toBe('conflict');
  });
});
