import { describe, expect, it } from 'vitest';
import { apiLimits } from '#core/limits.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/models';

describe('200', () => {
  it('bounds what the tenant may submit and see, and null lifts it', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminSetGrants', path, { models: [] });
    expect(got.json.models).toEqual([]);
    expect((await scene.tryKey(scene.key)).json.error).toMatchObject({
      code: 'model_not_granted',
      param: 'model',
    });
    expect((await scene.send('listModels', '/v1/models')).json.data).toEqual([]);
    expect((await scene.send('getModel', '/v1/models/fake-image')).status).toBe(404);

    await scene.ask('adminSetGrants', path, { models: null });
    await scene.clock.advance(apiLimits.keyCacheMs);
    expect((await scene.tryKey(scene.key)).status).toBe(202);
    expect((await scene.send('listModels', '/v1/models')).json.data).toHaveLength(1);
  });
});

describe('400', () => {
  it.each([
    [{ models: ['other'] }, 'models.0'],
    [{}, 'models'],
    [{ models: 'all' }, 'models'],
  ])('names the field at fault in %j', async (body, param) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminSetGrants', path, body)).json.error.param).toBe(param);
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminSetGrants', `/admin/v1/tenants/${id}/models`, { models: null });

    expect(got.json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('changes nothing of a deleted tenant', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminDeleteTenant', '/admin/v1/tenants/tenant-a');

    expect((await scene.ask('adminSetGrants', path, { models: null })).status).toBe(409);
  });
});
