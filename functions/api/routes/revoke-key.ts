import { revoke } from '../issue-key.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Any key of the tenant, the caller's own too: whoever finds a leak must be able to close it. */
export const revokeKey: RouteHandler<'revokeKey'> = async (deps, { caller, params }) => ({
  status: 200,
  body: await revoke(deps, caller.tenant.tenantId, params.id),
});
