/** A job that its tenant submits once more, for every route that does. */
import { AppError } from '#core/errors.ts';
import { retry } from '#core/flows/retry.ts';
import type { Accepted } from './accepted.ts';
import { acceptedOf } from './accepted.ts';
import type { ApiDeps } from './api-deps.ts';
import type { Caller } from './edge.ts';
import { findJob } from './find-job.ts';

interface Call {
  readonly caller: Caller;
  readonly params: { readonly id: string };
  readonly traceparent: string;
}

/**
 * The new job, or the one of an earlier retry. Throws `not_found`, `conflict` with the text for a job that has not failed,
 * and whatever a submission may be refused with.
 */
export async function retried(deps: ApiDeps, call: Call, notFailed: string): Promise<Accepted> {
  const { tenant, keyId, granted } = call.caller;
  const job = await findJob(deps, tenant.tenantId, call.params.id);
  const outcome = await retry(deps, { tenant, keyId, granted, job, traceparent: call.traceparent });
  if (outcome.kind === 'not_failed') throw new AppError('conflict', { publicMessage: notFailed });
  return acceptedOf(outcome, tenant, deps.clock.nowMs());
}
