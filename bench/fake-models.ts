/** A folder of models with the fake one alone: workers of a pool without work would take the time of the others. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';

/** @returns the folder's path, for `--models`; it lies in `folder` */
export function fakeModelOnly(folder: string): string {
  const models = join(folder, 'models');
  const fake = join(import.meta.dirname, '..', 'gpu-container', 'models', 'fake');
  cpSync(fake, join(models, 'fake'), { recursive: true });
  return models;
}
