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

interface Succeeded {
  readonly job: JobRecord;
  /** Of the submission. */
  readonly headers: ReturnType<typeof acceptedHeaders>;
}

/**
 * The job as it succeeded, for a call that answers once; the place of its wait is taken first, as a stream's is. One that
 * does not end in time, or whose client hangs up, is canceled if this very call submitted it: nobody would ever ask for
 * it. Throws for every other end.
 */
export function succeeded(
  deps: ApiDeps,
  call: DialectCall,
  { submission, task }: { readonly submission: DialectSubmission; readonly task: Manifest['task'] },
): Promise<Succeeded> {
  return withPlace(deps, call.caller.tenant.tenantId, async () => {
    const accepted = await submitted(deps, call, submission, task);
    const headers = acceptedHeaders(deps, call, accepted);
    const job = await endOf(deps, accepted.job, endMsOf(deps, call, streamLimits.answerMs), call.gone);
    if (!isTerminal(job)) {
      await abandon(deps, accepted);
      throw final(tooLate());
    }
    const failure = failureOf(job);
    if (failure !== null) throw final(failure);
    return { job, headers };
  });
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
