import { isTerminal } from '#core/job/job.ts';
import { falHeadersOf, falResult, falSubmitted, startTimeout } from '../dialects/fal/requests.ts';
import { waitedOut } from '../dialects/openai/succeeded.ts';
import type { RouteHandler } from '../route-handler.ts';

export const falRun: RouteHandler<'falRun'> = async (deps, call) => {
  const { job, headers } = await waitedOut(deps, call, () =>
    falSubmitted(deps, call, { stream: false, webhook: null }),
  );
  if (!isTerminal(job))
    throw startTimeout('The request did not end in time and was canceled. Put it into the queue.');
  const body = await falResult(deps, job);
  return { status: 200, headers: { ...headers, ...falHeadersOf(job) }, body };
};
