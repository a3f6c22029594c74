import { describe, expect, it } from 'vitest';
import { pngOf } from '#core/images/png-under-test.ts';
import { fileLimits, imageLimits } from '#core/limits.ts';
import { sampleTenant } from '#core/samples.ts';
import type { FalScene } from '../dialects/fal/fal-scene.ts';
import { openFalScene } from '../dialects/fal/fal-scene.ts';

const png = pngOf({ width: 8, height: 8 });

async function initiated(scene: FalScene) {
  const body = { content_type: 'image/png', file_name: 'a.png' };
  const { json } = await scene.send('falInitiateUpload', '/fal/rest/storage/upload/initiate', { body });
  const url = new URL(json.upload_url);
  const [fileId = ''] = /file_\w{26}/.exec(json.file_url) ?? [];
  return { path: url.pathname, fileUrl: json.file_url, fileId };
}

/** As the client does: the bytes and their type, and no key. */
function put(scene: FalScene, path: string, bytes: Uint8Array = png) {
  return scene.send('falUpload', path, {
    key: null,
    rawBody: Buffer.from(bytes).toString('base64'),
    isBase64Encoded: true,
    headers: { 'Content-Type': 'image/png' },
  });
}

describe('200', () => {
  it('keeps the picture under the name that inputs were told', async () => {
    const scene = await openFalScene();
    const { path, fileId } = await initiated(scene);

    const { status, json } = await put(scene, path);

    expect([status, json]).toEqual([200, { id: fileId, bytes: png.byteLength }]);
    expect(await scene.files.get('tenant-a', fileId)).toMatchObject({ purpose: 'vision', isStored: true });
    expect(await scene.blobs.get('tenant-a', `files/${fileId}`)).toEqual(new Uint8Array(png));
  });

  it('keeps the first bytes that come, once', async () => {
    const scene = await openFalScene();
    const { path, fileId } = await initiated(scene);
    await put(scene, path);

    const again = await put(scene, path, pngOf({ width: 16, height: 16 }));

    expect(again.status).toBe(200);
    expect(await scene.blobs.get('tenant-a', `files/${fileId}`)).toEqual(new Uint8Array(png));
    const { stored = {} } = (await scene.gates.read('tenant-a')) ?? {};
    expect(Object.values(stored)).toEqual([png.byteLength]);
  });
});

describe('404', () => {
  it('opens nothing by another pass, or one that has ended', async () => {
    const scene = await openFalScene();
    const { path } = await initiated(scene);
    const foreign = await put(scene, path.replace('tenant-a', 'tenant-b'));
    await scene.clock.advance(fileLimits.uploadSeconds * 1000);

    expect([foreign.status, (await put(scene, path)).status]).toEqual([404, 404]);
  });
});

describe('413', () => {
  it('refuses more than inputs may name', async () => {
    const scene = await openFalScene();
    const { path } = await initiated(scene);

    expect((await put(scene, path, new Uint8Array(imageLimits.namedBytesMax + 17_000))).status).toBe(413);
  });
});

describe('422', () => {
  it('refuses a request without bytes, also where a picture was put before', async () => {
    const scene = await openFalScene();
    const { path } = await initiated(scene);
    await put(scene, path);

    expect((await put(scene, path, new Uint8Array())).status).toBe(422);
  });

  it('refuses bytes that are no picture, and keeps nothing', async () => {
    const scene = await openFalScene();
    const { path, fileId } = await initiated(scene);

    const { status } = await put(scene, path, Buffer.from('<html>'));

    expect([status, await scene.files.get('tenant-a', fileId)]).toEqual([422, null]);
  });
});

describe('429', () => {
  it('refuses it while the tenant has no room', async () => {
    const tenant = sampleTenant({ overrides: { storage_gb_max: 0.000_001 } });
    const scene = await openFalScene({ tenant });
    const { path } = await initiated(scene);
    const large = await initiated(scene);
    await put(scene, large.path, pngOf({ width: 8, height: 8, chunks: [Buffer.from(padding)] }));

    expect((await put(scene, path)).status).toBe(429);
  });
});

/** A chunk of two kilobytes that decoders pass over. */
const padding = [0, 0, 8, 0, ...Buffer.from('zzZz'), ...new Array(2048 + 4).fill(0)];
