import { isTerminal } from '#core/job/job.ts';
import { falHeadersOf, falStatus } from '../dialects/fal/requests.ts';
import { findJob } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

export const falGetStatus: RouteHandler<'falGetStatus'> = async (deps, call) => {
  const job = await findJob(deps, call.caller.tenant.tenantId, call.params.id);
  const logs = call.query.logs === '1' || call.query.logs === 'true';
  const body = await falStatus(deps, job, { apiUrl: call.apiUrl, logs });
  return { status: isTerminal(job) ? 200 : 202, headers: falHeadersOf(job), body };
};
