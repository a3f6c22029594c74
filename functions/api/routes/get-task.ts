import { presentTask } from '#core/dialects/simple/task.ts';
import { tellOutputs } from '#core/flows/tell-outputs.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getTask: RouteHandler<'getTask'> = async (deps, { caller, params }) => {
  const job = await findJob(deps, caller.tenant.tenantId, params.task_id);
  return { status: 200, headers: jobHeaders(job), body: presentTask(job, await tellOutputs(deps, job)) };
};
