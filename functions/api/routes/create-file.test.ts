import { describe, expect, it } from 'vitest';
import { digest } from '#core/canonical.ts';
import { pngOf } from '#core/images/png-under-test.ts';
import { batchLimits, fileLimits, imageLimits } from '#core/limits.ts';
import { sampleNowMs, sampleTenant } from '#core/samples.ts';
import { batchScene, formOf } from '../batch-scene.ts';

const text = '{"custom_id":"a"}\n';
const file = { name: 'lines.jsonl', text };
const announced = { filename: 'large.jsonl', purpose: 'batch', bytes: text.length, sha256: digest(text) };
const seconds = Math.floor(sampleNowMs / 1000);
const day = 86_400;

describe('200', () => {
  it('stores a file that comes as a form, and shows it as OpenAI does', async () => {
    const { scene, key } = await batchScene();

    const got = await scene.send('createFile', '/v1/files', { key, ...formOf({ purpose: 'batch', file }) });

    expect(got.json).toEqual({
      id: expect.stringMatching(/^file_[0-9a-hjkmnp-tv-z]{26}$/),
      object: 'file',
      bytes: text.length,
      created_at: seconds,
      expires_at: seconds + 30 * day,
      filename: 'lines.jsonl',
      purpose: 'batch',
      status: 'processed',
    });
    const stored = await scene.blobs.get('tenant-a', `files/${got.json.id}.jsonl`);
    expect(Buffer.from(stored ?? []).toString()).toBe(text);
  });

  it('answers an announcement with a link that takes this file and no other', async () => {
    const { scene, key } = await batchScene();

    const { json } = await scene.send('createFile', '/v1/files', { key, body: announced });

    expect(json).toMatchObject({
      status: 'uploaded',
      upload: { method: 'PUT', expires_at: seconds + 3_600 },
    });
    expect(scene.blobs.upload(json.upload, Buffer.from('other'))).toBe(false);
    expect(scene.blobs.upload(json.upload, Buffer.from(text))).toBe(true);
  });

  it('stores a picture for inputs, whose link says what it is', async () => {
    const { scene, key } = await batchScene();
    const png = pngOf({ width: 8, height: 8 });
    const form = formOf({ purpose: 'vision', file: { name: 'a.png', text: png } });

    const { json } = await scene.send('createFile', '/v1/files', { key, ...form });

    expect(json).toMatchObject({ purpose: 'vision', status: 'processed', bytes: png.byteLength });
    expect(await scene.blobs.get('tenant-a', `files/${json.id}`)).toEqual(new Uint8Array(png));
    const listed = await scene.send('listFiles', '/v1/files?purpose=vision', { key });
    expect(listed.json.data.map(({ id }: { id: string }) => id)).toEqual([json.id]);
    await scene.send('deleteFile', `/v1/files/${json.id}`, { key });
    expect(await scene.blobs.get('tenant-a', `files/${json.id}`)).toBeNull();
  });

  it('keeps it for as long as was asked, and never longer than results of the tenant', async () => {
    const tenant = sampleTenant({ overrides: { retention_days: 2 } });
    const { scene, key } = await batchScene({ tenant });
    const kept = async (fields: object) => {
      const form = formOf({ purpose: 'batch', file, ...fields });
      return (await scene.send('createFile', '/v1/files', { key, ...form })).json.expires_at - seconds;
    };
    const asked = (each: number) => ({
      'expires_after[anchor]': 'created_at',
      'expires_after[seconds]': String(each),
    });

    expect(await kept({})).toBe(2 * day);
    expect(await kept(asked(3_600))).toBe(3_600);
    expect(await kept(asked(30 * day))).toBe(2 * day);
  });

  it('counts its bytes among those that the tenant keeps, until it is deleted', async () => {
    const { scene, key, upload } = await batchScene();
    const keptBytes = async () =>
      Object.values((await scene.gates.read('tenant-a'))?.stored ?? {}).reduce((sum, each) => sum + each, 0);

    const { id } = await upload(text);
    await scene.send('createFile', '/v1/files', { key, body: announced });

    expect(await keptBytes()).toBe(2 * text.length);
    expect(Object.keys((await scene.gates.read('tenant-a'))?.open ?? {})).toEqual([]);
    await scene.send('deleteFile', `/v1/files/${id}`, { key });
    expect(await keptBytes()).toBe(text.length);
  });
});

describe('400', () => {
  it.each([
    ['a purpose that there is not', { purpose: 'fine-tune', file }, 'purpose'],
    ['no file', { purpose: 'batch' }, 'file'],
    ['a text in place of a file', { purpose: 'batch', file: 'text' }, 'file'],
    ['an empty file', { purpose: 'batch', file: { name: 'x', text: '' } }, 'file'],
    ['a picture that is none', { purpose: 'vision', file }, 'file'],
    ['a field that it does not know', { purpose: 'batch', file, more: '1' }, 'more'],
    [
      'a name that turns text around',
      { purpose: 'batch', file: { name: 'a\u202eb', text } },
      'file.filename',
    ],
    ['too short a stay', { purpose: 'batch', file, 'expires_after[seconds]': '5' }, 'expires_after[seconds]'],
  ])('refuses %s by its field', async (_what, fields, path) => {
    const { scene, key } = await batchScene();

    const got = await scene.send('createFile', '/v1/files', { key, ...formOf(fields) });

    expect(got.status).toBe(400);
    expect(got.json.error.details[0].path).toBe(path);
  });

  it('refuses a form that is broken, and a field that is given twice', async () => {
    const { scene, key } = await batchScene();
    const headers = { 'Content-Type': 'multipart/form-data; boundary=bb-b' };
    const twice = ['a', 'b'].map(
      (each) => `--bb-b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n${each}\r\n`,
    );

    const broken = await scene.send('createFile', '/v1/files', { key, headers, rawBody: 'no form' });
    const repeated = await scene.send('createFile', '/v1/files', {
      key,
      headers,
      rawBody: `${twice.join('')}--bb-b--\r\n`,
    });

    expect(broken.json.error.message).toBe('The body is not a valid form.');
    expect(repeated.json.error.details).toEqual([{ path: 'purpose', message: 'must be given once' }]);
  });

  it('refuses an announcement of more bytes than a batch file may have', async () => {
    const { scene, key } = await batchScene();
    const body = { ...announced, bytes: batchLimits.fileBytesMax + 1 };

    const got = await scene.send('createFile', '/v1/files', { key, body });

    expect([got.status, got.json.error.param]).toEqual([400, 'bytes']);
  });

  it('refuses an announcement of a larger picture than an input may name', async () => {
    const { scene, key } = await batchScene();
    const body = { ...announced, purpose: 'vision', bytes: imageLimits.namedBytesMax + 1 };

    const got = await scene.send('createFile', '/v1/files', { key, body });

    expect([got.status, got.json.error.param]).toEqual([400, 'bytes']);
  });
});

describe('413', () => {
  it('says how a larger file is brought', async () => {
    const { scene, key } = await batchScene();
    const send = (bytes: number) => {
      const form = formOf({ purpose: 'batch', file: { name: 'x', text: Buffer.alloc(bytes, 'x') } });
      return scene.send('createFile', '/v1/files', { key, ...form });
    };

    const [fits, over, far] = await Promise.all(
      [0, 1, 50_000].map((more) => send(fileLimits.inlineBytesMax + more)),
    );

    expect([fits?.status, over?.status, far?.status]).toEqual([200, 413, 413]);
    expect(far?.json.error.message).toContain('by the link');
  });
});

describe('415', () => {
  it('refuses what is neither a form nor JSON', async () => {
    const { scene, key } = await batchScene();
    const headers = { 'Content-Type': 'text/plain' };

    const got = await scene.send('createFile', '/v1/files', { key, headers, rawBody: 'x' });

    expect(got.status).toBe(415);
  });
});

describe('429', () => {
  it('names storage_gb_max where the tenant keeps as much as it may', async () => {
    const tenant = sampleTenant({ overrides: { storage_gb_max: 0.000_001 } });
    const { scene, key, upload } = await batchScene({ tenant });
    await upload('x'.repeat(1_000));

    const got = await scene.send('createFile', '/v1/files', { key, ...formOf({ purpose: 'batch', file }) });
    const announcing = await scene.send('createFile', '/v1/files', { key, body: announced });

    for (const { status, json } of [got, announcing]) {
      expect([status, json.error.code]).toEqual([429, 'quota_exceeded']);
      expect(json.error.message).toContain('storage_gb_max');
    }
  });
});
