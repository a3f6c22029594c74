import { revoke } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findTenant } from '../tenancy.ts';

export const adminRevokeKey: RouteHandler<'adminRevokeKey'> = async (deps, { params }) => {
  const { tenantId } = await findTenant(deps, params.id);
  return { status: 200, body: await revoke(deps, tenantId, params.key) };
};
