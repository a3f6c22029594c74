import { modelNameOfVersion } from '#core/dialects/replicate/names.ts';
import { createPrediction } from '../dialects/replicate/predictions.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateCreatePrediction: RouteHandler<'replicateCreatePrediction'> = (deps, call) => {
  const { version, ...request } = call.body;
  return createPrediction(deps, call, { request, model: modelNameOfVersion(deps.catalog, version) });
};
