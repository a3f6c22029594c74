import { presentDelivery } from '#core/api/webhook-resource.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint } from '../webhooks.ts';

export const listDeliveries: RouteHandler<'listDeliveries'> = async (deps, { caller, params, query }) => {
  const { tenantId } = caller.tenant;
  const { endpointId } = await findEndpoint(deps, tenantId, params.id);
  const { items, cursor } = await deps.deliveries.list(tenantId, endpointId, query.cursor);
  return { status: 200, body: { object: 'list', data: items.map(presentDelivery), next_cursor: cursor } };
};
