import { findJob } from '../find-job.ts';
import { presentOneJob } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant } from '../tenancy.ts';

export const adminGetJob: RouteHandler<'adminGetJob'> = async (deps, { params }) => {
  const { tenantId } = await findTenant(deps, params.id);
  return { status: 200, body: await presentOneJob(deps, await findJob(deps, tenantId, params.job)) };
};
