import { describe, expect, it } from 'vitest';
import { loraFile } from '#core/adapter/file-under-test.ts';
import { keptBytes } from '#core/admission/stored-bytes.ts';
import { adapterLimits } from '#core/limits.ts';
import { createCatalog } from '#core/models/manifest.ts';
import { sampleTenant } from '#core/samples.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { adapterScene, offerOf } from '../adapter-scene.ts';
import { createApiScene } from '../api-scene.ts';

const sha256 = 'ab'.repeat(32);
const body = { name: 'mine', model: 'fake-image', bytes: 1_000, sha256 };

describe('201', () => {
  it('shows the adapter, pending, with a link that takes its file and nothing else', async () => {
    const { scene, key, path } = await adapterScene();
    const file = loraFile();

    const { status, json } = await scene.send('createAdapter', path, { key, body: offerOf(file) });

    expect(status).toBe(201);
    expect(json).toMatchObject({
      object: 'adapter',
      name: 'mine',
      model: 'fake-image',
      bytes: file.byteLength,
      status: 'pending',
      refusal: null,
      rank: null,
      upload: {
        method: 'PUT',
        expires_at: new Date(scene.clock.nowMs() + adapterLimits.uploadSeconds * 1000).toISOString(),
      },
    });
    expect(json.id).toMatch(/^adapter_[0-9a-hjkmnp-tv-z]{26}$/);
    expect(scene.adapterFiles.upload(json.upload, loraFile(3))).toBe(false);
    expect(scene.adapterFiles.upload(json.upload, file)).toBe(true);
  });

  it('names one file another way for another model, and for another tenant', async () => {
    const other = { ...fakeManifest, id: 'other-image' };
    const catalog = createCatalog([fakeManifest, other]);
    const { scene, key, path } = await adapterScene({ change: { catalog } });
    await scene.addTenant(sampleTenant({ tenantId: 'tenant-b' }));
    const theirs = await scene.addKey('tenant-b', ['adapters:write']);

    const first = await scene.send('createAdapter', path, { key, body });
    const second = await scene.send('createAdapter', path, { key, body: { ...body, model: 'other-image' } });
    const third = await scene.send('createAdapter', path, { key: theirs, body });

    expect(new Set([first, second, third].map(({ json }) => json.id)).size).toBe(3);
  });

  it('is for the model that a variant is of', async () => {
    const variant = {
      ...fakeManifest,
      id: 'fake-int4',
      variant: { of: 'fake-image', quant: 'int4' as const },
    };
    const { scene, key, path } = await adapterScene({
      change: { catalog: createCatalog([fakeManifest, variant]) },
    });

    const { json } = await scene.send('createAdapter', path, { key, body: { ...body, model: 'fake-int4' } });

    expect(json.model).toBe('fake-image');
  });
});

describe('200', () => {
  it('gives the same adapter again for the same file, with a new link while it is pending', async () => {
    const { scene, key, path, offer } = await adapterScene();
    const first = await offer();
    await scene.clock.advance(60_000);

    const again = await scene.send('createAdapter', path, {
      key,
      body: offerOf(loraFile(), { name: 'another' }),
    });

    expect(again.status).toBe(200);
    const { upload, ...shown } = again.json;
    expect(first).toMatchObject(shown);
    expect(upload.url).not.toBe(first.upload.url);
    expect(await scene.adapters.list('tenant-a')).toHaveLength(1);
  });

  it('has no link once the file was checked', async () => {
    const { scene, key, path, add } = await adapterScene();
    await add();

    const again = await scene.send('createAdapter', path, { key, body: offerOf(loraFile()) });

    expect(again.json).toMatchObject({ status: 'ready', upload: null });
  });
});

describe('400', () => {
  it.each([
    [{ ...body, name: '' }, 'name'],
    [{ ...body, name: 'x'.repeat(adapterLimits.nameCharactersMax + 1) }, 'name'],
    [{ ...body, name: 'a\u0007b' }, 'name'],
    [{ ...body, name: 'a\u202eb' }, 'name'],
    [{ ...body, bytes: 0 }, 'bytes'],
    [{ ...body, bytes: 1.5 }, 'bytes'],
    [{ ...body, bytes: adapterLimits.fileBytesMax + 1 }, 'bytes'],
    [{ ...body, sha256: 'AB'.repeat(32) }, 'sha256'],
    [{ ...body, sha256: 'ab' }, 'sha256'],
    [{ ...body, url: 'https://example.com/lora.safetensors' }, 'url'],
    [{ name: 'a', bytes: 1, sha256 }, 'model'],
  ])('names the field of %j', async (wrong, param) => {
    const { scene, key, path } = await adapterScene();

    const got = await scene.send('createAdapter', path, { key, body: wrong });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect(await scene.adapters.list('tenant-a')).toEqual([]);
  });

  it('refuses a model that takes no adapters', async () => {
    const { adapters: _, ...plain } = fakeManifest;
    const { scene, key, path } = await adapterScene({ change: { catalog: createCatalog([plain]) } });

    const got = await scene.send('createAdapter', path, { key, body });

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param: 'model' });
  });
});

describe('403', () => {
  it('needs the scope adapters:write', async () => {
    const scene = await createApiScene();

    const got = await scene.send('createAdapter', '/v1/adapters', { body });

    expect(got.json.error).toMatchObject({ code: 'missing_scope' });
  });

  it('is for models that the tenant is granted', async () => {
    const other = { ...fakeManifest, id: 'other-image' };
    const { scene, key, path } = await adapterScene({
      tenant: sampleTenant({ models: ['fake-image'] }),
      change: { catalog: createCatalog([fakeManifest, other]) },
    });

    const got = await scene.send('createAdapter', path, { key, body: { ...body, model: 'other-image' } });

    expect(got.json.error).toMatchObject({ code: 'model_not_granted', param: 'model' });
  });
});

describe('404', () => {
  it.each(['no-such-model', '__proto__', 'fake-image:stable'])('knows no model %s', async (model) => {
    const { scene, key, path } = await adapterScene();

    const got = await scene.send('createAdapter', path, { key, body: { ...body, model } });

    expect(got.json.error).toMatchObject({ code: 'model_not_found', param: 'model' });
  });
});

describe('429', () => {
  const tenant = sampleTenant({ overrides: { storage_gb_max: 0.000_003 } });

  it('announces nothing that what is kept leaves no room for, and names the limit', async () => {
    const { scene, key, path } = await adapterScene({ tenant });
    await scene.send('createAdapter', path, { key, body: { ...body, bytes: 2_000 } });

    const got = await scene.send('createAdapter', path, {
      key,
      body: { ...body, bytes: 1_001, sha256: 'cd'.repeat(32) },
    });

    expect(got.status).toBe(429);
    expect(got.headers).not.toHaveProperty('retry-after');
    expect(got.json.error).toMatchObject({
      code: 'quota_exceeded',
      message:
        'The limit storage_gb_max leaves no room for this adapter: files of 0.000002 GB are kept, of 0.000003 GB. ' +
        'Waiting makes no room: adapters stay until they are deleted, and what is larger than the limit never fits.',
    });
    expect(await scene.adapters.list('tenant-a')).toHaveLength(1);
    expect(keptBytes((await scene.gates.read('tenant-a'))?.stored ?? {}, scene.clock.nowMs())).toBe(2_000);
  });

  it('takes what fills the limit, gives its link again, and has room once it is deleted', async () => {
    const { scene, key, path } = await adapterScene({ tenant });
    const whole = { key, body: { ...body, bytes: 3_000 } };

    const first = await scene.send('createAdapter', path, whole);
    const again = await scene.send('createAdapter', path, whole);
    const refused = await scene.send('submitJob', '/v1/jobs', {
      body: { model: 'fake-image', input: { prompt: 'a ring' } },
    });
    await scene.send('deleteAdapter', `${path}/${first.json.id}`, { key });
    const after = await scene.send('createAdapter', path, whole);

    expect([first.status, again.status, after.status]).toEqual([201, 200, 201]);
    expect(refused.json.error).toMatchObject({ code: 'quota_exceeded' });
  });
});

describe('409', () => {
  it('says that the tenant has as many as it may, until one is deleted', async () => {
    const { scene, key, path, offer } = await adapterScene({
      tenant: sampleTenant({ overrides: { adapters_max: 1 } }),
    });
    const first = await offer();

    const got = await scene.send('createAdapter', path, { key, body });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('adapters_max is reached: the tenant has 1'),
    });
    await scene.send('deleteAdapter', `${path}/${first.id}`, { key });
    expect((await scene.send('createAdapter', path, { key, body })).status).toBe(201);
  });

  it('holds to the bound however many ask at once', async () => {
    const { scene, key, path } = await adapterScene({
      tenant: sampleTenant({ overrides: { adapters_max: 3 } }),
    });

    const all = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        scene.send('createAdapter', path, { key, body: { ...body, sha256: `${index}`.repeat(64) } }),
      ),
    );

    expect(all.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(all.filter(({ status }) => status === 409)).toHaveLength(7);
  });
});
