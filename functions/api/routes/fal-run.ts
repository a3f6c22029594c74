import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import { acceptedHeaders } from '../accepted.ts';
import { falHeadersOf, falResult, falSubmitted, startTimeout } from '../dialects/fal/requests.ts';
import { abandon } from '../dialects/openai/succeeded.ts';
import { withPlace } from '../place.ts';
import type { RouteHandler } from '../route-handler.ts';
import { endMsOf } from '../time-left.ts';
import { endOf } from '../wait-for-job.ts';

/**
 * The place of the wait is taken first: a job that is accepted is answered. One whose client hangs up, or that does not end
 * in time, is canceled: nobody would ask for it.
 */
export const falRun: RouteHandler<'falRun'> = async (deps, call) => {
  const { job, headers } = await withPlace(deps, call.caller.tenant.tenantId, async () => {
    const accepted = await falSubmitted(deps, call, { stream: false, webhook: null });
    const ofSubmission = acceptedHeaders(deps, call, accepted);
    const endMs = endMsOf(deps, call, streamLimits.answerMs);
    const ended = await endOf(deps, accepted.job, endMs, call.gone);
    if (!isTerminal(ended)) await abandon(deps, accepted);
    return { job: ended, headers: ofSubmission };
  });
  if (!isTerminal(job))
    throw startTimeout('The request did not end in time and was canceled. Put it into the queue.');
  const body = await falResult(deps, job);
  return { status: 200, headers: { ...headers, ...falHeadersOf(job) }, body };
};
