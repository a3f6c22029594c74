import { presentBatch } from '#core/api/batch-resource.ts';
import { presentPage } from '#core/api/file-resource.ts';
import { isBatchId } from '#core/batch/batch.ts';
import { checkAfter, pageAfter } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listBatches: RouteHandler<'listBatches'> = async (deps, { caller, query }) => {
  const { after, limit } = query;
  checkAfter(after, isBatchId);
  const { items, cursor } = await pageAfter(
    (most, from) =>
      deps.batches.list(caller.tenant.tenantId, {
        limit: most,
        ...(from === undefined ? {} : { after: from }),
      }),
    { limit, after },
  );
  return { status: 200, body: presentPage(items.map(presentBatch), cursor) };
};
