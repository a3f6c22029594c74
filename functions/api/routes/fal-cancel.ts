import { isTerminal } from '#core/job/job.ts';
import { canceled } from '../canceled.ts';
import { falHeadersOf } from '../dialects/fal/requests.ts';
import { findJob } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

export const falCancel: RouteHandler<'falCancel'> = async (deps, call) => {
  const { tenantId } = call.caller.tenant;
  const found = await findJob(deps, tenantId, call.params.id);
  if (isTerminal(found)) {
    return { status: 200, headers: falHeadersOf(found), body: { status: 'ALREADY_COMPLETED' } };
  }
  const job = await canceled(deps, tenantId, found.jobId);
  return { status: 202, headers: falHeadersOf(job), body: { status: 'CANCELLATION_REQUESTED' } };
};
