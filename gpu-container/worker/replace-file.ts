import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';

/** Writes a file so that readers find the old one or the new one, whole. */
export async function replaceFile(path: string, body: string): Promise<void> {
  const next = `${path}.${randomUUID()}.next`;
  await writeFile(next, body);
  await rename(next, path);
}
