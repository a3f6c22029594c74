import { describe, expect, it } from 'vitest';
import { fileOf, loraFile, safetensorsFile } from '#core/adapter/file-under-test.ts';
import { sampleTenant } from '#core/samples.ts';
import { adapterScene } from '../adapter-scene.ts';

const half = { shape: [2, 6] };

describe('200', () => {
  it('makes the adapter ready, with its rank and its layers, and says so again', async () => {
    const { upload, complete } = await adapterScene();
    const { id } = await upload(loraFile(3));

    const first = await complete(id);
    const second = await complete(id);

    expect(first).toMatchObject({
      status: 200,
      json: { status: 'ready', rank: 3, layers: 1, refusal: null },
    });
    expect(second.json).toEqual(first.json);
  });

  it('is the same for all who ask at once', async () => {
    const { scene, upload, complete } = await adapterScene();
    const { id } = await upload();

    const all = await Promise.all(Array.from({ length: 5 }, () => complete(id)));

    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(await scene.adapters.get('tenant-a', id)).toMatchObject({ status: 'ready', version: 2 });
  });
});

describe('400', () => {
  it.each([
    ['pickle', Buffer.from('PK\u0003\u0004 archive/data.pkl')],
    ['not_safetensors', Buffer.from('GGUF and more of it')],
    ['malformed', fileOf('{"a":{}}')],
    ['lokr', safetensorsFile({ 'lora_unet_a.lokr_w1': half, 'lora_unet_a.lokr_w2': half })],
    ['loha', safetensorsFile({ 'lora_unet_a.hada_w1_a': half })],
    ['dora', safetensorsFile({ 'lora_unet_a.dora_scale': half })],
    ['incomplete_pair', safetensorsFile({ 'a.lora_A.weight': half })],
    ['rank_too_high', loraFile(129)],
    ['empty', fileOf('{}')],
  ])('refuses a file by the rule %s, for good, and keeps nothing of it', async (rule, file) => {
    const { scene, path, key, upload, complete } = await adapterScene();
    const { id } = await upload(file);

    const first = await complete(id);
    const second = await complete(id);

    expect(first.json.error).toMatchObject({
      code: 'invalid_adapter',
      param: 'file',
      details: [{ path: 'file', code: rule }],
    });
    const { request_id, trace_id } = second.json.error;
    expect(second.json.error).toEqual({ ...first.json.error, request_id, trace_id });
    const { json } = await scene.send('getAdapter', `${path}/${id}`, { key });
    expect(json).toMatchObject({ status: 'refused', refusal: { code: rule } });
    expect(await scene.adapterFiles.read('tenant-a', id)).toBeNull();
  });

  it('leaves an adapter pending whose file came as other bytes, and takes the right ones then', async () => {
    const { scene, offer, complete } = await adapterScene();
    const { id, upload } = await offer();
    // A store that does not hold an upload to its checksum.
    const forged = await scene.adapterFiles.uploadLink(
      'tenant-a',
      id,
      { bytes: 8, sha256: '8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4' },
      60,
    );
    expect(scene.adapterFiles.upload(forged, Buffer.from('hi'))).toBe(false);

    expect((await complete(id)).json.error.code).toBe('conflict');
    scene.adapterFiles.upload(upload, loraFile());

    expect((await complete(id)).json).toMatchObject({ status: 'ready' });
  });
});

describe('404', () => {
  it('knows neither a missing adapter nor one that was deleted', async () => {
    const { scene, key, path, upload, complete } = await adapterScene();
    const { id } = await upload();
    await scene.send('deleteAdapter', `${path}/${id}`, { key });

    expect((await complete(id)).json.error.code).toBe('not_found');
    expect((await complete('adapter_00000000000000000000000000')).json.error.code).toBe('not_found');
    expect((await complete('x')).json.error.code).toBe('not_found');
  });
});

describe('409', () => {
  it('says that the file has not been uploaded', async () => {
    const { offer, complete } = await adapterScene();
    const { id } = await offer();

    const { json } = await complete(id);

    expect(json.error).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('has not been uploaded'),
    });
  });
});

describe('403', () => {
  it('is for an active tenant with the scope', async () => {
    const { scene, path, upload } = await adapterScene();
    const { id } = await upload();
    await scene.addTenant(sampleTenant({ tenantId: 'tenant-b', status: 'suspended' }));
    const theirs = await scene.addKey('tenant-b', ['adapters:write']);

    const without = await scene.send('completeAdapter', `${path}/${id}/complete`);
    const suspended = await scene.send('completeAdapter', `${path}/${id}/complete`, { key: theirs });

    expect(without.json.error.code).toBe('missing_scope');
    expect(suspended.json.error.code).toBe('tenant_suspended');
  });
});
