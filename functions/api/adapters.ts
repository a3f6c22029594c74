/** What the routes of adapters share with nobody else: which models take them. */
import { AppError } from '#core/errors.ts';
import type { ApiDeps } from './api-deps.ts';

/**
 * The id of the model that an adapter for `name` changes: of a variant, the model it is a variant of. Throws
 * `model_not_found`, `model_not_granted`, or `invalid_request` for a model that takes none.
 */
export function adaptedModel(
  { catalog }: Pick<ApiDeps, 'catalog'>,
  name: string,
  granted: readonly string[] | null,
): string {
  const model = catalog.get(name);
  if (model === null) throw new AppError('model_not_found', { param: 'model' });
  if (granted !== null && !granted.includes(name))
    throw new AppError('model_not_granted', { param: 'model' });
  const { id, variant, adapters } = model.manifest;
  if (adapters !== undefined) return variant?.of ?? id;
  throw new AppError('invalid_request', { details: [{ path: 'model', message: 'takes no adapters' }] });
}
