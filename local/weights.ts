/**
 * Which models this machine can run. Checks at start that every weight file is there with its size, so that a broken checkout is said at once and not at
 * the first job. The runner checks the hashes when it loads.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { StartError } from '#core/errors.ts';
import type { Catalog, Manifest } from '#core/models/manifest.ts';

const weightsSchema = z.object({ files: z.record(z.string(), z.object({ bytes: z.int().positive() })) });

/** Engines that compute: their models must bring a `weights.json`. */
const enginesWithWeights: ReadonlySet<string> = new Set(['demo']);

/**
 * Whether a model is offered here: one for the Python runtime is, once there is a Python for it and its weights were put
 * beside its manifest.
 */
export async function runsHere(
  { engine, id }: Manifest,
  { modelsDir, python }: { readonly modelsDir: string; readonly python: string | undefined },
): Promise<boolean> {
  if (engine !== 'python') return true;
  if (python === undefined) return false;
  return stat(join(modelsDir, id, 'weights')).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** @throws StartError `weights_missing`, naming the file */
export async function checkWeights(catalog: Catalog, modelsDir: string): Promise<void> {
  const models = catalog.list().filter(({ manifest }) => enginesWithWeights.has(manifest.engine));
  await Promise.all(models.map(({ manifest }) => checkModel(join(modelsDir, manifest.id))));
}

async function checkModel(folder: string): Promise<void> {
  const list = join(folder, 'weights.json');
  const { files } = await readList(list);
  for (const [name, { bytes }] of Object.entries(files)) {
    const path = join(folder, name);
    const size = await stat(path).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) throw new StartError('weights_missing', `${path} is not there.`);
    if (size !== bytes) throw new StartError('weights_missing', `${path} has ${size} bytes, not ${bytes}.`);
  }
}

async function readList(path: string): Promise<z.infer<typeof weightsSchema>> {
  try {
    return weightsSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new StartError('weights_missing', `${path} cannot be read.`, error);
  }
}
