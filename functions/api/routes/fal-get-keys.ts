import { presentKeys } from '#core/dialects/fal/webhook.ts';
import { AppError } from '#core/errors.ts';
import { tenantIdSchema } from '#core/tenancy/tenant.ts';
import { defaultEndpointId, secretsInForce } from '#core/webhook/endpoint.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint } from '../webhooks.ts';

/** Whoever is named has keys, so that nobody learns who is there. */
export const falGetKeys: RouteHandler<'falGetKeys'> = async (deps, { params }) => {
  if (!tenantIdSchema.safeParse(params.tenant).success) throw new AppError('not_found');
  const endpoint = await findEndpoint(deps, params.tenant, defaultEndpointId);
  const secrets = secretsInForce(endpoint, deps.clock.nowMs());
  return { status: 200, body: presentKeys(deps.webhookKey, secrets) };
};
