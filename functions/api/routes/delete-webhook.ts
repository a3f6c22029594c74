import { AppError } from '#core/errors.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint, refuseDefault } from '../webhooks.ts';

/** What is on its way is given up when it would be tried next. */
export const deleteWebhook: RouteHandler<'deleteWebhook'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const endpoint = await findEndpoint(deps, tenantId, params.id);
  refuseDefault(endpoint);
  if ((await deps.endpoints.remove(tenantId, endpoint.endpointId)) === 'missing') {
    throw new AppError('not_found');
  }
  return { status: 200, body: { id: endpoint.endpointId, object: 'webhook', deleted: true } };
};
