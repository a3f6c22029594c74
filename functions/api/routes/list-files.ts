import { presentFile, presentPage } from '#core/api/file-resource.ts';
import { isFileId } from '#core/batch/file.ts';
import { apiLimits } from '#core/limits.ts';
import { checkAfter, pageAfter } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listFiles: RouteHandler<'listFiles'> = async (deps, { caller, query }) => {
  const { after, order, purpose } = query;
  checkAfter(after, isFileId);
  const { items, cursor } = await pageAfter(
    (limit, from) =>
      deps.files.list(caller.tenant.tenantId, {
        limit,
        order,
        ...(from === undefined ? {} : { after: from }),
        ...(purpose === undefined ? {} : { purpose }),
      }),
    { limit: Math.min(query.limit, apiLimits.pageMax), after },
  );
  return { status: 200, body: presentPage(items.map(presentFile), cursor) };
};
