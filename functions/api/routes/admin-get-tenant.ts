import type { RouteHandler } from '../route-handler.ts';
import { findTenant, presentOneTenant } from '../tenancy.ts';

export const adminGetTenant: RouteHandler<'adminGetTenant'> = async (deps, { params }) => ({
  status: 200,
  body: await presentOneTenant(deps, await findTenant(deps, params.id)),
});
