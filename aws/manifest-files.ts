/** Reads the manifests of a deployment: one folder per model, `manifest.json` in it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import type { Catalog, Manifest } from '#core/models/manifest.ts';
import { createCatalog, manifestSchema } from '#core/models/manifest.ts';

/** @throws StartError `invalid_manifest` that names the file and every fault in it */
export async function readCatalog(modelsDir: string): Promise<Catalog> {
  return createCatalog(await readManifests(modelsDir));
}

/** By the names of their folders. @throws as {@link readCatalog} */
export async function readManifests(modelsDir: string): Promise<readonly Manifest[]> {
  const entries = await readdir(modelsDir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return Promise.all(names.toSorted().map((name) => readManifest(modelsDir, name)));
}

async function readManifest(modelsDir: string, name: string): Promise<Manifest> {
  const file = join(modelsDir, name, 'manifest.json');
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new StartError(
      'invalid_manifest',
      `${file}: ${error instanceof Error ? error.message : ''}`,
      error,
    );
  }
  const parsed = manifestSchema.safeParse(content);
  if (!parsed.success) {
    const faults = faultsOf(parsed.error).map(({ path, message }) => `${path} ${message}`);
    throw new StartError('invalid_manifest', `${file}: ${faults.join('; ')}`);
  }
  if (parsed.data.id !== name) {
    throw new StartError('invalid_manifest', `${file}: id is ${parsed.data.id}, the folder is ${name}`);
  }
  return parsed.data;
}
