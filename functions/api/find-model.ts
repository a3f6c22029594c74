import { AppError } from '#core/errors.ts';
import type { Model } from '#core/models/manifest.ts';
import type { ApiDeps } from './api-deps.ts';
import type { Caller } from './edge.ts';

/** Throws `model_not_found`. Like in the list: what is not granted is not there to see. */
export function findModel({ catalog }: Pick<ApiDeps, 'catalog'>, { granted }: Caller, id: string): Model {
  const model = granted === null || granted.includes(id) ? catalog.get(id) : null;
  if (model === null) throw new AppError('model_not_found');
  return model;
}
