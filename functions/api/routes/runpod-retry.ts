import { acceptedHeaders } from '../accepted.ts';
import { jobAnswer } from '../dialects/runpod/jobs.ts';

import { retried } from '../retried.ts';
import type { RouteHandler } from '../route-handler.ts';

export const runpodRetry: RouteHandler<'runpodRetry'> = async (deps, call) => {
  const accepted = await retried(deps, call, 'Only a job that is FAILED or TIMED_OUT can be retried.');
  const answer = jobAnswer(accepted.job);
  return { ...answer, headers: { ...acceptedHeaders(deps, call, accepted), ...answer.headers } };
};
