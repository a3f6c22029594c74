import { AppError } from '#core/errors.ts';
import { cancel } from '#core/flows/cancel.ts';
import { lookupId } from '../find-job.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const cancelJob: RouteHandler<'cancelJob'> = async (deps, { caller, params }) => {
  const outcome = await cancel(deps, caller.tenant.tenantId, lookupId(params.id));
  switch (outcome.kind) {
    case 'missing':
      throw new AppError('not_found');
    case 'busy':
      throw new AppError('conflict', {
        publicMessage: 'The job kept changing while it was to be canceled. Send the request again.',
        retryAfterSeconds: 1,
      });
    case 'found':
      return {
        status: 200,
        headers: jobHeaders(outcome.job),
        body: await presentOneJob(deps, outcome.job),
      };
  }
};
