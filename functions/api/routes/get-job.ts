import type { JobResource } from '#core/api/job-resource.ts';
import { digest } from '#core/canonical.ts';
import { isTerminal } from '#core/job/job.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';
import { waitForJob, waitOf } from '../wait-for-job.ts';

/** How soon a client without a long poll should look again. */
const lookAgainSeconds = 1;

export const getJob: RouteHandler<'getJob'> = async (deps, call) => {
  const wait = waitOf(call.query, call.headers);
  const found = await findJob(deps, call.caller.tenant.tenantId, call.params.id);
  const job = await waitForJob(deps, found, wait.waitMs, call);

  const presented = await presentOneJob(deps, job);
  const tag = tagOf(presented);
  const headers = {
    ...jobHeaders(job),
    ...wait.headers,
    etag: `W/${tag}`,
    'retry-after': isTerminal(job) ? undefined : String(lookAgainSeconds),
  };
  return isSeen(call.headers['if-none-match'], tag)
    ? { status: 304, headers }
    : { status: 200, headers, body: presented };
};

/** Weak (RFC 9110): that the start of a waiting job is guessed anew every second is no change of the job. */
function tagOf({ wait, ...job }: JobResource): string {
  const { eta: _, phase: __, ...place } = wait ?? { eta: null };
  return `"${digest(JSON.stringify([job, place])).slice(0, 32)}"`;
}

/** Weak comparison, as RFC 9110 asks for If-None-Match. */
export function isSeen(ifNoneMatch: string | undefined, own: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const seen = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return seen.includes('*') || seen.includes(own);
}
