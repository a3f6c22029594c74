import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examples } from '#core/api/examples.ts';
import { fileSchema } from '#core/api/file-resource.ts';
import { captureIo } from './captured-io.ts';
import { picturesOf } from './commands/generate.ts';
import { main } from './main.ts';
import { refusal, startScriptedApi } from './scripted-api.ts';

/** Small pictures are sent with their request, and nothing before it. */
const client = {
  call: () => Promise.reject(new Error('nothing is asked')),
  upload: () => Promise.reject(new Error('nothing is uploaded')),
};

describe('--image and --mask of generate', () => {
  it('send small files as they are, each under its type', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-pictures-'));
    await writeFile(join(cwd, 'photo.JPG'), 'one');
    await writeFile(join(cwd, 'mask.png'), 'two');

    expect(await picturesOf({ cwd, client }, { image: 'photo.JPG', mask: 'mask.png' })).toEqual({
      image: `data:image/jpeg;base64,${btoa('one')}`,
      mask: `data:image/png;base64,${btoa('two')}`,
    });
    expect(await picturesOf({ cwd, client }, { image: undefined, mask: undefined })).toEqual({});
  });

  it.each([
    ['notes.txt', 'notes.txt is no .png, .jpg, .jpeg or .webp'],
    ['gone.png', 'cannot read gone.png: ENOENT'],
  ])('refuse %s before anything is sent', async (image, says) => {
    await expect(picturesOf({ cwd: tmpdir(), client }, { image, mask: undefined })).rejects.toThrow(says);
  });

  it('upload a file that a request cannot hold, and name it there by its id', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-pictures-'));
    const photo = 'x'.repeat(100_000);
    await writeFile(join(cwd, 'photo.jpg'), photo);
    const file = fileSchema.parse(examples['getFile 200']);
    await using api = await startScriptedApi(({ path }, url) => {
      const upload = { method: 'PUT', url: `${url}/store`, headers: {}, expires_at: 1 };
      if (path === '/v1/files') return { status: 200, body: { ...file, status: 'uploaded', upload } };
      return path === '/store' ? { status: 200, body: '' } : refusal('budget_exhausted');
    });
    const env = { PILOTLIGHT_URL: api.url, PILOTLIGHT_API_KEY: 'key' };

    await main(['generate', 'x', '--model', 'm', '--image', 'photo.jpg'], captureIo({ env, cwd }));

    const asked = api.requests.map(({ method, path }) => `${method} ${path}`);
    expect(asked).toEqual(['POST /v1/files', 'PUT /store', 'POST /v1/jobs']);
    expect(api.requests[0]?.body).toEqual({
      filename: 'photo.jpg',
      purpose: 'vision',
      bytes: photo.length,
      sha256: createHash('sha256').update(photo).digest('hex'),
    });
    expect(api.requests[2]?.body).toMatchObject({ input: { image: file.id } });
  });
});
