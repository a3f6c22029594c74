import type { RouteHandler } from '../route-handler.ts';
import { changeTenant, presentOneTenant, refuseOwnTenant } from '../tenancy.ts';

/** Admission stops with the write; what is open settles. */
export const adminSuspendTenant: RouteHandler<'adminSuspendTenant'> = async (deps, { caller, params }) => {
  refuseOwnTenant(caller, params.id);
  const tenant = await changeTenant(deps, params.id, () => ({ status: 'suspended' }));
  return { status: 200, body: await presentOneTenant(deps, tenant) };
};
