import { presentJobs } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant } from '../tenancy.ts';
import { jobListAskOf } from './list-jobs.ts';

export const adminListJobs: RouteHandler<'adminListJobs'> = async (deps, { params, query }) => {
  const { tenantId } = await findTenant(deps, params.id);
  const page = await deps.jobs.list(tenantId, jobListAskOf(query));
  return {
    status: 200,
    body: { object: 'list', data: await presentJobs(deps, page.items), next_cursor: page.cursor },
  };
};
