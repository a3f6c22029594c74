import { presentVersion } from '#core/dialects/replicate/model.ts';
import { namedManifest } from '../dialects/replicate/models.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateListVersions: RouteHandler<'replicateListVersions'> = async (deps, call) => {
  const version = presentVersion(namedManifest(deps, call.caller, call.params));
  return { status: 200, body: { previous: null, next: null, results: [version] } };
};
