import { jobAnswer, waited } from '../dialects/runpod/jobs.ts';
import { findJob } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

export const runpodStatusSync: RouteHandler<'runpodStatusSync'> = async (deps, call) => {
  const job = await findJob(deps, call.caller.tenant.tenantId, call.params.id);
  return jobAnswer(await waited(deps, call, job, call.query.wait));
};
