import { AppError } from '#core/errors.ts';
import { isTerminal } from '#core/job/job.ts';
import { falHeadersOf, falResult } from '../dialects/fal/requests.ts';
import { findJob } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

export const falGetResult: RouteHandler<'falGetResult'> = async (deps, call) => {
  const job = await findJob(deps, call.caller.tenant.tenantId, call.params.id);
  if (!isTerminal(job)) throw new AppError('conflict', { publicMessage: 'Request is still in progress' });
  return { status: 200, headers: falHeadersOf(job), body: await falResult(deps, job) };
};
