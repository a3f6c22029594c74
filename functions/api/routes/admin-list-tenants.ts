import type { RouteHandler } from '../route-handler.ts';
import { presentTenants } from '../tenancy.ts';

export const adminListTenants: RouteHandler<'adminListTenants'> = async (deps, { query }) => {
  const page = await deps.tenants.list(query.cursor);
  const data = await presentTenants(deps, page.items);
  return { status: 200, body: { object: 'list', data, next_cursor: page.cursor } };
};
