import { isTerminal } from '#core/job/job.ts';
import { acceptedHeaders } from '../accepted.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import { retried } from '../retried.ts';
import type { RouteHandler } from '../route-handler.ts';

export const retryJob: RouteHandler<'retryJob'> = async (deps, call) => {
  const accepted = await retried(deps, call, 'Only a job that failed or expired can be retried.');
  const { job } = accepted;
  const body = await presentOneJob(deps, job);
  const headers = {
    ...jobHeaders(job),
    ...acceptedHeaders(deps, call, accepted),
    location: body.urls.self,
  };
  return { status: isTerminal(job) ? 200 : 202, headers, body };
};
