import { describe, expect, it } from 'vitest';
import { sampleAlias } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

describe('200', () => {
  it('removes an alias, and requests for it find no model', async () => {
    const scene = await createAdminScene();
    const versions = [{ version: '1', model: 'fake-image', weight: 1 }];
    await scene.aliases.put(sampleAlias({ family: 'fake-image', versions }));
    expect((await scene.tryKey(scene.key, 'fake-image:stable')).status).toBe(202);

    const got = await scene.ask('adminDeleteAlias', '/admin/v1/aliases/fake-image/stable');

    expect(got.json).toMatchObject({ id: 'fake-image:stable' });
    expect((await scene.tryKey(scene.key, 'fake-image:stable')).json.error.code).toBe('model_not_found');
  });
});

describe('404', () => {
  it.each(['fake-image/stable', 'a.b/c', 'a/b:c'])('has no alias %s', async (name) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminDeleteAlias', `/admin/v1/aliases/${name}`);

    expect(got.json.error.code).toBe('not_found');
  });
});
