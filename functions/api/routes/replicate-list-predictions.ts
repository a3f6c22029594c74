import { apiLimits } from '#core/limits.ts';
import { presentedPrediction } from '../dialects/replicate/predictions.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateListPredictions: RouteHandler<'replicateListPredictions'> = async (deps, call) => {
  const { cursor, created_after: after } = call.query;
  const page = await deps.jobs.list(call.caller.tenant.tenantId, {
    limit: apiLimits.pageMax,
    ...(cursor === undefined ? {} : { cursor }),
    ...(after === undefined ? {} : { createdAfterMs: Date.parse(after) }),
  });
  const results = await Promise.all(page.items.map((job) => presentedPrediction(deps, call, job)));
  return { status: 200, body: { previous: null, next: nextOf(call.apiUrl, page.cursor, after), results } };
};

/** Clients ask for the next page by its whole address. */
function nextOf(apiUrl: string, cursor: string | null, after: string | undefined): string | null {
  if (cursor === null) return null;
  const next = new URL(`${apiUrl}/replicate/v1/predictions`);
  next.searchParams.set('cursor', cursor);
  if (after !== undefined) next.searchParams.set('created_after', after);
  return next.href;
}
