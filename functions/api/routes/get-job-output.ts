import { AppError } from '#core/errors.ts';
import { filesKeptUntilMs } from '#core/job/job.ts';
import { apiLimits } from '#core/limits.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** An output that is not there yet, or never will be, answers like a job that is not there. */
export const getJobOutput: RouteHandler<'getJobOutput'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const job = await findJob(deps, tenantId, params.id);
  const output = job.status === 'succeeded' ? job.outputs[indexOf(params.n)] : undefined;
  if (output === undefined) throw new AppError('not_found');
  const leftMs = (filesKeptUntilMs(job) ?? 0) - deps.clock.nowMs();
  // A link of less than a second is none.
  if (leftMs < 1000) throw new AppError('not_found');
  const seconds = Math.min(apiLimits.outputUrlSeconds, Math.floor(leftMs / 1000));
  return {
    status: 302,
    headers: {
      ...jobHeaders(job),
      location: await deps.blobs.link(tenantId, output.path, seconds),
    },
  };
};

/** One spelling per output: `01` and `1e0` name none. */
function indexOf(n: string): number {
  return /^(?:0|[1-9]\d{0,3})$/.test(n) ? Number(n) : -1;
}
