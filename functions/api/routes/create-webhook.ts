import { AppError } from '#core/errors.ts';
import { webhookLimits } from '#core/limits.ts';
import { newEndpoint } from '#core/webhook/endpoint.ts';
import type { RouteHandler } from '../route-handler.ts';
import { checkedTarget, presentNewWebhook } from '../webhooks.ts';

/** Two requests at once may pass the bound by one: it keeps a tenant's list short, and nothing rests on it. */
export const createWebhook: RouteHandler<'createWebhook'> = async (deps, { caller, body }) => {
  const { tenantId } = caller.tenant;
  const { url, events } = checkedTarget(deps, 'url', body);
  const { endpointsMax } = webhookLimits;
  const own = (await deps.endpoints.list(tenantId)).filter((endpoint) => endpoint.url !== null);
  if (own.length >= endpointsMax) {
    throw new AppError('conflict', {
      publicMessage: `The tenant has ${endpointsMax} webhooks, as many as it may: delete one first.`,
    });
  }
  const ids = { tenantId, endpointId: deps.ids.next('whe') };
  const endpoint = newEndpoint(ids, { url, events, nowMs: deps.clock.nowMs() });
  // A conflict is our own write, sent twice: nobody else can have drawn this id.
  await deps.endpoints.put(endpoint);
  return { status: 201, body: presentNewWebhook(deps, endpoint) };
};
