import { AppError } from '#core/errors.ts';
import { retry } from '#core/flows/retry.ts';
import { acceptedOf } from '../accepted.ts';
import { jobAnswer } from '../dialects/runpod/jobs.ts';
import { acceptedHeaders } from '../dialects/submitted.ts';
import { findJob } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

export const runpodRetry: RouteHandler<'runpodRetry'> = async (deps, call) => {
  const { tenant, keyId, granted } = call.caller;
  const job = await findJob(deps, tenant.tenantId, call.params.id);
  const outcome = await retry(deps, { tenant, keyId, granted, job });
  if (outcome.kind === 'not_failed') {
    throw new AppError('conflict', {
      publicMessage: 'Only a job that is FAILED or TIMED_OUT can be retried.',
    });
  }
  const accepted = acceptedOf(outcome, tenant, deps.clock.nowMs());
  const answer = jobAnswer(accepted.job);
  return { ...answer, headers: { ...acceptedHeaders(deps, call, accepted), ...answer.headers } };
};
