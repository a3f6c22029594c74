import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint, presentWebhook } from '../webhooks.ts';

export const getWebhook: RouteHandler<'getWebhook'> = async (deps, { caller, params }) => ({
  status: 200,
  body: presentWebhook(deps, await findEndpoint(deps, caller.tenant.tenantId, params.id)),
});
