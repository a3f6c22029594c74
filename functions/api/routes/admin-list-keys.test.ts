import { describe, expect, it } from 'vitest';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/keys';

describe('200', () => {
  it("lists a tenant's keys with the day of their last use, and no secret", async () => {
    const scene = await createAdminScene();
    await scene.submit();
    await scene.addKey('tenant-a');

    const got = await scene.ask('adminListKeys', path);

    expect(got.json.data).toMatchObject([
      { id: 'key00001', last_used_on: '2030-03-17', status: 'active' },
      { last_used_on: null },
    ]);
    expect(got.text).not.toMatch(/plk_|hash|secret/);
  });
});

describe('400', () => {
  it('refuses a query that says nothing to us', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListKeys', `${path}?limit=1`)).status).toBe(400);
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminListKeys', `/admin/v1/tenants/${id}/keys`);

    expect(got.json.error.code).toBe('not_found');
  });
});
