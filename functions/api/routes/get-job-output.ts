import { AppError } from '#core/errors.ts';
import { linkTo } from '#core/flows/tell-outputs.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** An output that is not there yet, or never will be, answers like a job that is not there. */
export const getJobOutput: RouteHandler<'getJobOutput'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const job = await findJob(deps, tenantId, params.id);
  const output = job.status === 'succeeded' ? job.outputs[indexOf(params.n)] : undefined;
  if (output === undefined) throw new AppError('not_found');
  const location = await linkTo(deps, job, output);
  if (location === null) throw new AppError('not_found');
  return { status: 302, headers: { ...jobHeaders(job), location } };
};

/** One spelling per output: `01` and `1e0` name none. */
function indexOf(n: string): number {
  return /^(?:0|[1-9]\d{0,3})$/.test(n) ? Number(n) : -1;
}
