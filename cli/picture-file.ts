/** A picture on this machine as a request holds or names it. What it really is, the API checks. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { usageError } from './cli-error.ts';
import type { Client } from './client.ts';

const types: Readonly<Record<string, string>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
};

/** A body has 128 KiB: two of these, each a third longer as base64, leave a sixth of it for the rest of the request. */
const heldBytesMax = 40 * 1024;

/** A small file as a data URL; a larger one is uploaded first, and named by its id. */
export interface PictureSource {
  readonly cwd: string;
  readonly client: Pick<Client, 'call' | 'upload'>;
}

/** Throws a usage error for a file that cannot be read or is named as something else. */
export async function pictureOf({ cwd, client }: PictureSource, name: string): Promise<string> {
  const type = types[extname(name).toLowerCase()];
  if (type === undefined) throw usageError(`${name} is no .png, .jpg, .jpeg or .webp`);
  const body = await contentOf(cwd, name);
  if (body.byteLength <= heldBytesMax) return `data:image/${type};base64,${body.toString('base64')}`;
  const sha256 = createHash('sha256').update(body).digest('hex');
  const announced = { filename: basename(name), purpose: 'vision', bytes: body.byteLength, sha256 } as const;
  const { id, upload } = (await client.call('createFile', { body: announced })).body;
  if (upload !== undefined) await client.upload(upload, new Blob([new Uint8Array(body)]));
  return id;
}

async function contentOf(cwd: string, name: string): Promise<Buffer> {
  try {
    return await readFile(resolve(cwd, name));
  } catch (error) {
    throw usageError(`cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
