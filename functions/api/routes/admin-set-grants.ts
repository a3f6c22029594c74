import type { RouteHandler } from '../route-handler.ts';
import { changeTenant, checkModels, presentOneTenant } from '../tenancy.ts';

export const adminSetGrants: RouteHandler<'adminSetGrants'> = async (deps, { params, body: { models } }) => {
  checkModels(deps, models);
  const tenant = await changeTenant(deps, params.id, () => ({ models }));
  return { status: 200, body: await presentOneTenant(deps, tenant) };
};
