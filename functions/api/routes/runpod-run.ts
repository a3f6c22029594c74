import { acceptedHeaders } from '../accepted.ts';
import { jobAnswer, submittedJob } from '../dialects/runpod/jobs.ts';

import type { RouteHandler } from '../route-handler.ts';

export const runpodRun: RouteHandler<'runpodRun'> = async (deps, call) => {
  const accepted = await submittedJob(deps, call);
  const answer = jobAnswer(accepted.job);
  return { ...answer, headers: { ...acceptedHeaders(deps, call, accepted), ...answer.headers } };
};
