import type { RouteHandler } from '../route-handler.ts';
import { changeTenant, presentOneTenant } from '../tenancy.ts';

/** Writes for an active tenant too: a crash while suspending may have left its gate closed. */
export const adminResumeTenant: RouteHandler<'adminResumeTenant'> = async (deps, { params }) => {
  const tenant = await changeTenant(deps, params.id, () => ({ status: 'active' }));
  return { status: 200, body: await presentOneTenant(deps, tenant) };
};
