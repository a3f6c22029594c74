import { presentModel } from '#core/dialects/replicate/model.ts';
import { namedManifest } from '../dialects/replicate/models.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateGetModel: RouteHandler<'replicateGetModel'> = async (deps, call) => ({
  status: 200,
  body: presentModel(namedManifest(deps, call.caller, call.params), call.apiUrl),
});
