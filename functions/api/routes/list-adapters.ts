import { presentAdapter } from '#core/api/adapter-resource.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listAdapters: RouteHandler<'listAdapters'> = async (deps, { caller }) => {
  const adapters = await deps.adapters.list(caller.tenant.tenantId);
  return { status: 200, body: { object: 'list', data: adapters.map(presentAdapter), next_cursor: null } };
};
