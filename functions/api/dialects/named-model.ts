/** The model of a request that need not name one. */
import { AppError } from '#core/errors.ts';
import { defaultModel } from '#core/models/default-model.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { Caller } from '../edge.ts';

/** Throws `model_not_found` where none is named and the caller may use none of this task. */
export function namedModel(
  { catalog }: ApiDeps,
  { granted }: Caller,
  name: string | undefined,
  task: Manifest['task'],
): string {
  const model = name ?? defaultModel(catalog, granted, task);
  if (model === null) throw new AppError('model_not_found', { param: 'model' });
  return model;
}
