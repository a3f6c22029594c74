import { AppError } from '#core/errors.ts';
import { cancel } from '#core/flows/cancel.ts';
import { runpodLimits } from '#core/limits.ts';
import { jobAnswer, waited } from '../dialects/runpod/jobs.ts';
import { lookupId } from '../find-job.ts';
import type { RouteHandler } from '../route-handler.ts';

/** A job that runs is stopped at its next step: that is waited for a moment, so that most are told as what they are. */
export const runpodCancel: RouteHandler<'runpodCancel'> = async (deps, call) => {
  const outcome = await cancel(deps, call.caller.tenant.tenantId, lookupId(call.params.id));
  switch (outcome.kind) {
    case 'missing':
      throw new AppError('not_found');
    case 'busy':
      throw new AppError('conflict', {
        publicMessage: 'The job kept changing while it was to be canceled. Send the request again.',
        retryAfterSeconds: 1,
      });
    case 'found':
      return jobAnswer(await waited(deps, call, outcome.job, runpodLimits.cancelWaitMs));
  }
};
