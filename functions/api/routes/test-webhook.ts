import { presentDelivery } from '#core/api/webhook-resource.ts';
import { AppError } from '#core/errors.ts';
import { testDelivery } from '#core/webhook/delivery.ts';
import { testEvent } from '#core/webhook/event.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint, refuseDefault } from '../webhooks.ts';

/** One at a time: a test is a request to an address of somebody's choice, and asking for it is cheap. */
export const testWebhook: RouteHandler<'testWebhook'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const endpoint = await findEndpoint(deps, tenantId, params.id);
  refuseDefault(endpoint);
  const latest = await deps.deliveries.list(tenantId, endpoint.endpointId);
  if (latest.items.some(({ event, status }) => event === testEvent && status === 'pending')) {
    throw new AppError('conflict', { publicMessage: 'A test of this webhook is on its way.' });
  }
  const delivery = testDelivery(endpoint, deps.clock.nowMs(), deps.ids.nonce());
  await deps.deliveries.put(delivery);
  return { status: 202, body: presentDelivery(delivery) };
};
