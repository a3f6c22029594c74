import { listKeysOf } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listKeys: RouteHandler<'listKeys'> = async (deps, { caller, query }) => ({
  status: 200,
  body: await listKeysOf(deps, caller.tenant.tenantId, query.cursor),
});
