import { describe, expect, it } from 'vitest';
import { createAdminScene, nobody } from '../admin-scene.ts';

describe('200', () => {
  it('is the job as the tenant sees it, also after the tenant was deleted', async () => {
    const scene = await createAdminScene();
    const id = await scene.submit();
    const own = await scene.send('getJob', `/v1/jobs/${id}`);

    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminGetJob', `/admin/v1/tenants/tenant-a/jobs/${id}`)).json).toEqual(own.json);
  });
});

describe('404', () => {
  it.each(nobody)('has no job of the tenant %s', async (tenant) => {
    const scene = await createAdminScene();
    const id = await scene.submit();

    expect((await scene.ask('adminGetJob', `/admin/v1/tenants/${tenant}/jobs/${id}`)).status).toBe(404);
  });

  it.each(['job_00000000000000000000000009', 'x', '..'])('has no job %s', async (id) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminGetJob', `/admin/v1/tenants/tenant-a/jobs/${id}`)).status).toBe(404);
  });
});
