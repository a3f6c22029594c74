import type { RouteHandler } from '../route-handler.ts';
import { presentWebhook } from '../webhooks.ts';

export const listWebhooks: RouteHandler<'listWebhooks'> = async (deps, { caller }) => {
  const endpoints = await deps.endpoints.list(caller.tenant.tenantId);
  const data = endpoints.filter(({ url }) => url !== null).map((endpoint) => presentWebhook(deps, endpoint));
  return { status: 200, body: { object: 'list', data, next_cursor: null } };
};
