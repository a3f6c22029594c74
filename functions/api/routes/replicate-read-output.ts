import { AppError } from '#core/errors.ts';
import { readPass } from '#core/stream/pass.ts';
import { outputIndexOf } from '../dialects/replicate/output-links.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Whoever has the address has the pass, and a link that ends with it. One that does not hold costs no read. */
export const replicateReadOutput: RouteHandler<'replicateReadOutput'> = async (deps, { params }) => {
  const index = outputIndexOf(params.name);
  const nowMs = deps.clock.nowMs();
  const pass = index === null ? null : readPass(deps.keyPepper, `output ${index}`, params.pass, nowMs);
  if (index === null || pass === null) throw new AppError('not_found');
  const job = await findJob(deps, pass.tenantId, pass.jobId);
  const path = job.outputs[index]?.path;
  const seconds = Math.floor((pass.untilMs - nowMs) / 1000);
  // A link of less than a second is none.
  if (path === undefined || seconds < 1) throw new AppError('not_found');
  const location = await deps.blobs.link(pass.tenantId, path, seconds);
  return { status: 302, headers: { ...jobHeaders(job), location } };
};
