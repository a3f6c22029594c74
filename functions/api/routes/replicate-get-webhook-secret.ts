import { defaultEndpointId } from '#core/webhook/endpoint.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint, newestSecretOf } from '../webhooks.ts';

/** Clients of the original read it whenever they verify; who may, may as well make a new one. */
export const replicateGetWebhookSecret: RouteHandler<'replicateGetWebhookSecret'> = async (deps, call) => {
  const endpoint = await findEndpoint(deps, call.caller.tenant.tenantId, defaultEndpointId);
  return { status: 200, body: { key: newestSecretOf(deps, endpoint) } };
};
