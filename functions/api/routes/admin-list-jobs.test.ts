import { describe, expect, it } from 'vitest';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/jobs';

describe('200', () => {
  it("lists the tenant's jobs as the tenant sees them, page by page", async () => {
    const scene = await createAdminScene();
    for (let job = 0; job < 3; job += 1) await scene.submit();

    const first = await scene.ask('adminListJobs', `${path}?limit=2`);
    const rest = await scene.ask('adminListJobs', `${path}?limit=2&cursor=${first.json.next_cursor}`);

    const own = await scene.send('listJobs', '/v1/jobs');
    expect([...first.json.data, ...rest.json.data]).toEqual(own.json.data);
    expect(rest.json.next_cursor).toBeNull();
  });

  it('filters as the tenant may', async () => {
    const scene = await createAdminScene();
    const id = await scene.submit();
    await scene.submit();
    await scene.finish(id);

    const got = await scene.ask('adminListJobs', `${path}?status=succeeded`);

    expect(got.json.data).toMatchObject([{ id, status: 'succeeded' }]);
  });
});

describe('400', () => {
  it('names the parameter at fault', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListJobs', `${path}?limit=0`)).json.error.param).toBe('limit');
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListJobs', `/admin/v1/tenants/${id}/jobs`)).status).toBe(404);
  });
});
