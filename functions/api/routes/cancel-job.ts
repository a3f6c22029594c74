import { canceled } from '../canceled.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const cancelJob: RouteHandler<'cancelJob'> = async (deps, { caller, params }) => {
  const job = await canceled(deps, caller.tenant.tenantId, params.id);
  return { status: 200, headers: jobHeaders(job), body: await presentOneJob(deps, job) };
};
