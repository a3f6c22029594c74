import { presentVersion } from '#core/dialects/replicate/model.ts';
import { AppError } from '#core/errors.ts';
import { namedManifest } from '../dialects/replicate/models.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateGetVersion: RouteHandler<'replicateGetVersion'> = async (deps, call) => {
  const version = presentVersion(namedManifest(deps, call.caller, call.params));
  if (version.id !== call.params.version) throw new AppError('model_not_found');
  return { status: 200, body: version };
};
