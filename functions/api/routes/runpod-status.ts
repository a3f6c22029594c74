import { jobAnswer } from '../dialects/runpod/jobs.ts';
import { findJob } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Of every job of the tenant: an alias for an endpoint may stand for another model by now. */
export const runpodStatus: RouteHandler<'runpodStatus'> = async (deps, { caller, params }) =>
  jobAnswer(await findJob(deps, caller.tenant.tenantId, params.id));
