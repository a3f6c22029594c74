/** Models of Replicate's dialect, as the caller may see them. */
import { modelNameOf } from '#core/dialects/owner.ts';
import { AppError } from '#core/errors.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Caller } from '../../edge.ts';
import { findModel } from '../../find-model.ts';

/** Throws `model_not_found`, for other owners too. */
export function namedManifest(
  deps: Pick<ApiDeps, 'catalog'>,
  caller: Caller,
  { owner, model }: { readonly owner: string; readonly model: string },
): Manifest {
  const name = modelNameOf(owner, model);
  if (name === null) throw new AppError('model_not_found');
  return findModel(deps, caller, name).manifest;
}
