import type { z } from 'zod';
import type { jobListQuerySchema } from '#core/api/job-query.ts';
import { metadataQueryPrefix } from '#core/api/job-query.ts';
import type { JobListAsk } from '#core/ports/jobs.ts';
import { presentJobs } from '../job-answer.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listJobs: RouteHandler<'listJobs'> = async (deps, { caller, query }) => {
  const page = await deps.jobs.list(caller.tenant.tenantId, jobListAskOf(query));
  return {
    status: 200,
    body: { object: 'list', data: await presentJobs(deps, page.items), next_cursor: page.cursor },
  };
};

/** The query of a list of jobs, the tenant's or the operator's, as the store takes it. */
export function jobListAskOf(query: z.output<typeof jobListQuerySchema>): JobListAsk {
  const {
    limit,
    cursor,
    status,
    model,
    class: jobClass,
    flag,
    created_after: createdAfter,
    ...labels
  } = query;
  const metadata = Object.entries(labels).map(([name, value]) => [
    name.slice(metadataQueryPrefix.length),
    value,
  ]);
  return {
    limit,
    ...(cursor === undefined ? {} : { cursor }),
    ...(status === undefined ? {} : { status }),
    ...(model === undefined ? {} : { model }),
    ...(jobClass === undefined ? {} : { class: jobClass }),
    ...(flag === undefined ? {} : { flag }),
    ...(createdAfter === undefined ? {} : { createdAfterMs: Date.parse(createdAfter) }),
    ...(metadata.length === 0 ? {} : { metadata: Object.fromEntries(metadata) }),
  };
}
