import { canceled } from '../canceled.ts';
import { presentedPrediction } from '../dialects/replicate/predictions.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateCancelPrediction: RouteHandler<'replicateCancelPrediction'> = async (deps, call) => {
  const job = await canceled(deps, call.caller.tenant.tenantId, call.params.id);
  return { status: 200, headers: jobHeaders(job), body: await presentedPrediction(deps, call, job) };
};
