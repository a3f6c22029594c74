import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { picturesOf } from './commands/generate.ts';

describe('--image and --mask of generate', () => {
  it('send the files as they are, each under its type', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-pictures-'));
    await writeFile(join(cwd, 'photo.JPG'), 'one');
    await writeFile(join(cwd, 'mask.png'), 'two');

    expect(await picturesOf(cwd, { image: 'photo.JPG', mask: 'mask.png' })).toEqual({
      image: `data:image/jpeg;base64,${btoa('one')}`,
      mask: `data:image/png;base64,${btoa('two')}`,
    });
    expect(await picturesOf(cwd, { image: undefined, mask: undefined })).toEqual({});
  });

  it.each([
    ['notes.txt', 'notes.txt is no .png, .jpg, .jpeg or .webp'],
    ['gone.png', 'cannot read gone.png: ENOENT'],
  ])('refuse %s before anything is sent', async (image, says) => {
    await expect(picturesOf(tmpdir(), { image, mask: undefined })).rejects.toThrow(says);
  });
});
