import { listKeysOf } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant } from '../tenancy.ts';

export const adminListKeys: RouteHandler<'adminListKeys'> = async (deps, { params, query }) => {
  const { tenantId } = await findTenant(deps, params.id);
  return { status: 200, body: await listKeysOf(deps, tenantId, query.cursor) };
};
