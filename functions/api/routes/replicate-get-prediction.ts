import { presentedPrediction } from '../dialects/replicate/predictions.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateGetPrediction: RouteHandler<'replicateGetPrediction'> = async (deps, call) => {
  const job = await findJob(deps, call.caller.tenant.tenantId, call.params.id);
  return { status: 200, headers: jobHeaders(job), body: await presentedPrediction(deps, call, job) };
};
