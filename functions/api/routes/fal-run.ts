import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import { acceptedHeaders } from '../accepted.ts';
import { falHeadersOf, falResult, falSubmitted, startTimeout } from '../dialects/fal/requests.ts';
import { abandon } from '../dialects/openai/succeeded.ts';
import type { RouteHandler } from '../route-handler.ts';
import { waitForJob } from '../wait-for-job.ts';

/** A job whose client hangs up, or that does not end in time, is canceled: nobody would ask for it. */
export const falRun: RouteHandler<'falRun'> = async (deps, call) => {
  const accepted = await falSubmitted(deps, call, { stream: false, webhook: null });
  const headers = acceptedHeaders(deps, call, accepted);
  const job = await waitForJob(deps, accepted.job, streamLimits.answerMs, call);
  if (!isTerminal(job)) {
    await abandon(deps, accepted);
    throw startTimeout('The request did not end in time and was canceled. Put it into the queue.');
  }
  const body = await falResult(deps, job);
  return { status: 200, headers: { ...headers, ...falHeadersOf(job) }, body };
};
