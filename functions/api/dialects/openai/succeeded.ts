/** Calls that are answered once their job has ended, and what becomes of the job where nobody waits for it any more. */
import type { DialectSubmission } from '#core/dialects/submission.ts';
import { AppError } from '#core/errors.ts';
import { cancel } from '#core/flows/cancel.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { Accepted } from '../../accepted.ts';
import { acceptedHeaders } from '../../accepted.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { HeadedError } from '../../headed-error.ts';
import { withPlace } from '../../place.ts';
import { endMsOf } from '../../time-left.ts';
import { endOf } from '../../wait-for-job.ts';
import { failureOf } from '../failure.ts';
import type { DialectCall } from '../submitted.ts';
import { submitted } from '../submitted.ts';

interface Waited {
  readonly job: JobRecord;
  /** Of the submission. */
  readonly headers: ReturnType<typeof acceptedHeaders>;
}

/**
 * The job of a call that answers once, as it ended; the place of the wait is taken first, as a stream's is: a job that is
 * accepted is answered. One that has not ended in time, or whose client hangs up, is canceled if this very call submitted
 * it: nobody would ever ask for it.
 */
export function waitedOut(
  deps: ApiDeps,
  call: DialectCall,
  submitIt: () => Promise<Accepted>,
): Promise<Waited> {
  return withPlace(deps, call.caller.tenant.tenantId, async () => {
    const accepted = await submitIt();
    const headers = acceptedHeaders(deps, call, accepted);
    const job = await endOf(deps, accepted.job, endMsOf(deps, call, streamLimits.answerMs), call.gone);
    if (!isTerminal(job)) await abandon(deps, accepted);
    return { job, headers };
  });
}

/** As {@link waitedOut}, of a job that succeeded. Throws for every other end. */
export async function succeeded(
  deps: ApiDeps,
  call: DialectCall,
  { submission, task }: { readonly submission: DialectSubmission; readonly task: Manifest['task'] },
): Promise<Waited> {
  const waited = await waitedOut(deps, call, () => submitted(deps, call, submission, task));
  if (!isTerminal(waited.job)) throw final(tooLate());
  const failure = failureOf(waited.job);
  if (failure !== null) throw final(failure);
  return waited;
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
