import { describe, expect, it } from 'vitest';
import { createCatalog } from '#core/models/manifest.ts';
import { sampleAlias, sampleTenant } from '#core/samples.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/aliases/fake-image/stable';
const catalog = createCatalog([fakeManifest, { ...fakeManifest, id: 'fake-image-v2' }]);
const versions = [
  { version: '1', weight: 50 },
  { version: 'v2', weight: 50 },
];

describe('200', () => {
  it('sends each tenant to one version, every time the same', async () => {
    const scene = await createAdminScene({ change: { catalog } });
    const got = await scene.ask('adminPutAlias', path, { versions });
    expect(got.json).toMatchObject({
      id: 'fake-image:stable',
      versions: [{ model: 'fake-image' }, { model: 'fake-image-v2' }],
    });

    const seen = new Map<string, Set<string>>();
    for (let index = 0; index < 12; index += 1) {
      const tenantId = `sticky-${index}`;
      const key = await scene.addTenant(sampleTenant({ tenantId }));
      const models = new Set<string>();
      for (let tries = 0; tries < 3; tries += 1) {
        models.add((await scene.tryKey(key, 'fake-image:stable')).json.model);
      }
      seen.set(tenantId, models);
    }

    expect([...seen.values()].every((models) => models.size === 1)).toBe(true);
    expect(new Set([...seen.values()].flatMap((models) => [...models])).size).toBe(2);
  });

  it('moves on when it is set anew, without making a retry another request', async () => {
    const scene = await createAdminScene({ change: { catalog } });
    await scene.ask('adminPutAlias', path, { versions: [{ version: '1', weight: 1 }] });
    const body = { model: 'fake-image:stable', input: { prompt: 'a' } };
    const headers = { 'Idempotency-Key': 'order-17' };
    const first = await scene.send('submitJob', '/v1/jobs', { body, headers });

    await scene.ask('adminPutAlias', path, { versions: [{ version: 'v2', weight: 1 }] });

    expect((await scene.send('submitJob', '/v1/jobs', { body, headers })).json.id).toBe(first.json.id);
    expect(first.json.model).toBe('fake-image');
    expect((await scene.tryKey(scene.key, 'fake-image:stable')).json.model).toBe('fake-image-v2');
  });

  it('chooses among the versions that the tenant may use', async () => {
    const scene = await createAdminScene({ change: { catalog } });
    await scene.ask('adminPutAlias', path, { versions });
    for (const model of ['fake-image', 'fake-image-v2']) {
      const tenant = sampleTenant({ tenantId: `only-${model}`, models: [model] });
      const key = await scene.addTenant(tenant);
      expect((await scene.tryKey(key, 'fake-image:stable')).json.model).toBe(model);
    }
    const none = await scene.addTenant(sampleTenant({ tenantId: 'none', models: [] }));

    expect((await scene.tryKey(none, 'fake-image:stable')).json.error.code).toBe('model_not_granted');
  });
});

describe('200 by size and quality', () => {
  it('sends small and large pictures to models of their own, one of them in both sizes', async () => {
    const scene = await createAdminScene({ change: { catalog } });
    const small = { version: '1', weight: 1, pixels_max: 256 * 256 };
    const both = [small, { version: 'v2', weight: 1 }, { version: '1', weight: 1_000_000 }];

    const set = await scene.ask('adminPutAlias', path, { versions: both });
    const model = async (size: number) => {
      const body = { model: 'fake-image:stable', input: { prompt: 'a', size } };
      return (await scene.send('submitJob', '/v1/jobs', { body })).json.model;
    };

    expect(set.json.versions).toEqual([
      { ...small, model: 'fake-image' },
      { version: 'v2', weight: 1, model: 'fake-image-v2' },
      { version: '1', weight: 1_000_000, model: 'fake-image' },
    ]);
    expect(await model(256)).toBe('fake-image');
    await scene.ask('adminPutAlias', path, { versions: [small, { version: 'v2', weight: 1 }] });
    expect(await model(512)).toBe('fake-image-v2');
  });

  it('is what a request of that quality gets, and another quality under the same key is another body', async () => {
    const scene = await createAdminScene({ change: { catalog } });
    const high = '/admin/v1/aliases/fake-image/high';
    await scene.ask('adminPutAlias', high, { versions: [{ version: 'v2', weight: 1 }] });
    await scene.ask('adminPutAlias', '/admin/v1/aliases/fake-image/fast', {
      versions: [{ version: '1', weight: 1 }],
    });
    const send = (quality: string | undefined) =>
      scene.send('submitJob', '/v1/jobs', {
        body: { model: 'fake-image', quality, input: { prompt: 'a' } },
        headers: { 'Idempotency-Key': 'order-17' },
      });

    const first = await send('high');
    await scene.ask('adminPutAlias', high, { versions: [{ version: '1', weight: 1 }] });

    expect(first.json.model).toBe('fake-image-v2');
    expect((await send('high')).json.id).toBe(first.json.id);
    expect((await send('fast')).json.error.code).toBe('idempotency_mismatch');
    expect((await send(undefined)).json.error.code).toBe('idempotency_mismatch');
  });
});

describe('400', () => {
  it.each([
    [[{ version: '1', weight: 1, pixels_max: 0 }], 'versions.0.pixels_max'],
    [
      [
        { version: '1', weight: 1, pixels_max: 9 },
        { version: '1', weight: 2, pixels_max: 9 },
      ],
      'versions.1.version',
    ],
    [[{ version: 'v3', weight: 1 }], 'versions.0.version'],
    [
      [
        { version: '1', weight: 1 },
        { version: 'fake-image', weight: 1 },
      ],
      'versions.1.version',
    ],
    [[{ version: '1', weight: 0 }], 'versions.0.weight'],
    [[], 'versions'],
  ])('names the field at fault in %j', async (given, param) => {
    const scene = await createAdminScene({ change: { catalog } });

    const got = await scene.ask('adminPutAlias', path, { versions: given });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
  });

  it('refuses a name that no alias can have', async () => {
    const scene = await createAdminScene({ change: { catalog } });

    const got = await scene.ask('adminPutAlias', '/admin/v1/aliases/fake-image/a.b', { versions });

    expect(got.json.error.param).toBe('name');
  });
});

describe('409', () => {
  it('tells when somebody else changed it in between', async () => {
    const base = await createAdminScene();
    await base.aliases.put(sampleAlias({ family: 'fake-image' }));
    const aliases = { ...base.aliases, get: async () => null };
    const scene = await createAdminScene({ change: { aliases, catalog } });

    expect((await scene.ask('adminPutAlias', path, { versions })).json.error.code).toBe('conflict');
  });
});
