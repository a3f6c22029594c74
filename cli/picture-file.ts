/** A picture on this machine as a request holds it. What it really is, the API checks. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { usageError } from './cli-error.ts';

const types: Readonly<Record<string, string>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
};

/** The file as a data URL. Throws a usage error for one that cannot be read or is named as something else. */
export async function pictureUrlOf(cwd: string, name: string): Promise<string> {
  const type = types[extname(name).toLowerCase()];
  if (type === undefined) throw usageError(`${name} is no .png, .jpg, .jpeg or .webp`);
  try {
    const body = await readFile(resolve(cwd, name));
    return `data:image/${type};base64,${body.toString('base64')}`;
  } catch (error) {
    throw usageError(`cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
