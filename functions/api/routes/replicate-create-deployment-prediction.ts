import { modelNameOf } from '#core/dialects/owner.ts';
import { createPrediction } from '../dialects/replicate/predictions.ts';
import type { RouteHandler } from '../route-handler.ts';

/** What the original calls a deployment is a model or an alias here: what serves a name that stays. */
export const replicateCreateDeploymentPrediction: RouteHandler<'replicateCreateDeploymentPrediction'> = (
  deps,
  call,
) =>
  createPrediction(deps, call, {
    request: call.body,
    model: modelNameOf(call.params.owner, call.params.deployment),
  });
