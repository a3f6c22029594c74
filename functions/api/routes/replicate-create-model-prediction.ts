import { modelNameOf } from '#core/dialects/owner.ts';
import { createPrediction } from '../dialects/replicate/predictions.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateCreateModelPrediction: RouteHandler<'replicateCreateModelPrediction'> = (deps, call) =>
  createPrediction(deps, call, {
    request: call.body,
    model: modelNameOf(call.params.owner, call.params.model),
  });
