import { acceptedHeaders } from '../accepted.ts';
import { jobAnswer, submittedJob, waited } from '../dialects/runpod/jobs.ts';

import type { RouteHandler } from '../route-handler.ts';

export const runpodRunSync: RouteHandler<'runpodRunSync'> = async (deps, call) => {
  const accepted = await submittedJob(deps, call);
  const headers = acceptedHeaders(deps, call, accepted);
  const answer = jobAnswer(await waited(deps, call, accepted.job, call.query.wait));
  return { ...answer, headers: { ...headers, ...answer.headers } };
};
