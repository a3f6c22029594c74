import { describe, expect, it } from 'vitest';
import { sampleAlias } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

describe('200', () => {
  it('lists aliases with their versions', async () => {
    const scene = await createAdminScene();
    await scene.aliases.put(sampleAlias());

    const got = await scene.ask('adminListAliases', '/admin/v1/aliases');

    expect(got.json.data).toMatchObject([
      { id: 'demo-image:stable', versions: [{ version: 'v1', weight: 90 }, { version: 'v2' }] },
    ]);
  });
});

describe('400', () => {
  it('refuses a query that says nothing to us', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListAliases', '/admin/v1/aliases?x=1')).status).toBe(400);
  });
});
