/** A job that its tenant cancels, for every route that does. */
import { AppError } from '#core/errors.ts';
import { cancel } from '#core/flows/cancel.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { ApiDeps } from './api-deps.ts';
import { lookupId } from './find-job.ts';

/** Canceled, about to be, or ended before. Throws `not_found`, and `conflict` for one that would not stand still. */
export async function canceled(deps: ApiDeps, tenantId: string, id: string): Promise<JobRecord> {
  const outcome = await cancel(deps, tenantId, lookupId(id));
  switch (outcome.kind) {
    case 'missing':
      throw new AppError('not_found');
    case 'busy':
      throw new AppError('conflict', {
        publicMessage: 'The job kept changing while it was to be canceled. Send the request again.',
        retryAfterSeconds: 1,
      });
    case 'found':
      return outcome.job;
  }
}
