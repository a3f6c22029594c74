/** Calls that are answered once their job has ended, and what becomes of the job where nobody waits for it any more. */
import { AppError } from '#core/errors.ts';
import { cancel } from '#core/flows/cancel.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { Accepted } from '../../accepted.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { HeadedError } from '../../headed-error.ts';
import { waitForJob } from '../../wait-for-job.ts';
import { failureOf } from '../failure.ts';
import type { DialectCall } from '../submitted.ts';

/**
 * The job as it succeeded, for a call that answers once. One that does not end in time, or whose client hangs up, is
 * canceled if this very call submitted it: nobody would ever ask for it. Throws for every other end.
 */
export async function succeeded(deps: ApiDeps, call: DialectCall, accepted: Accepted): Promise<JobRecord> {
  const job = await waitForJob(deps, accepted.job, streamLimits.answerMs, call);
  if (!isTerminal(job)) {
    await abandon(deps, accepted);
    throw final(tooLate());
  }
  const failure = failureOf(job);
  if (failure !== null) throw final(failure);
  return job;
}

/** Cancels the job of a call that nobody waits for any more. The job of an earlier request is that one's. */
export async function abandon(deps: ApiDeps, { job, replayed }: Accepted): Promise<void> {
  if (replayed) return;
  try {
    await cancel(deps, job.tenantId, job.jobId);
  } catch (error) {
    const { tenantId, jobId } = job;
    deps.log.warn('dialect.not_canceled', { tenantId, jobId, reason: String(error) });
  }
}

export function tooLate(): AppError {
  const publicMessage =
    'The job did not end in time and was canceled. Submit it at /v1/jobs, which does not wait, or stream its answer.';
  return new AppError('unavailable', { publicMessage });
}

/** What sending it again would only repeat, and pay for once more: OpenAI's clients heed this header. */
function final(error: AppError): HeadedError {
  return new HeadedError(error, { 'x-should-retry': 'false' });
}
