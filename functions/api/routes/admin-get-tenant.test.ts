import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

describe('200', () => {
  it('shows plan, overrides and what counts', async () => {
    const scene = await createAdminScene({ tenant: sampleTenant({ overrides: { weight: 7 } }) });

    const got = await scene.ask('adminGetTenant', '/admin/v1/tenants/tenant-a');

    expect(got.json).toMatchObject({
      id: 'tenant-a',
      object: 'tenant',
      plan: 'pro',
      overrides: { weight: 7 },
      limits: { weight: 7, open_jobs_max: 100 },
      created_at: '2030-03-17T17:46:40.000Z',
    });
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminGetTenant', `/admin/v1/tenants/${id}`);

    expect(got.json.error.code).toBe('not_found');
  });
});
