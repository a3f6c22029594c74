/** JSON files of the data folder that only their owner may read. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import type * as z from 'zod';
import { StartError } from '#core/errors.ts';
import { isFull } from './full-disk.ts';

/**
 * Null when there is no such file.
 * @throws StartError `data_broken` when it is not what was written
 */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new StartError('data_broken', path, error);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new StartError('data_broken', `${path} is not what Pilotlight wrote; repair or remove it.`, error);
  }
}

/**
 * Whole or not at all: a crash while writing must not lock anybody out.
 * @throws StartError `data_full`, `data_unwritable`
 */
export async function writePrivately(path: string, content: unknown): Promise<void> {
  const draft = `${path}.new`;
  try {
    await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    await rename(draft, path);
  } catch (error) {
    throw new StartError(isFull(error) ? 'data_full' : 'data_unwritable', path, error);
  }
}
