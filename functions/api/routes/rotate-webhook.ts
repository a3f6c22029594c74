import { overlapMs } from '#core/api/tenancy-resource.ts';
import { AppError } from '#core/errors.ts';
import { rotated } from '#core/webhook/endpoint.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint, presentNewWebhook } from '../webhooks.ts';

/** The record changes under a delivery that notes its success or failure, and each loser's next try is on top of that. */
const triesMax = 5;

export const rotateWebhook: RouteHandler<'rotateWebhook'> = async (deps, { caller, params, body }) => {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const endpoint = await findEndpoint(deps, caller.tenant.tenantId, params.id);
    const changed = rotated(endpoint, deps.clock.nowMs(), overlapMs(body.overlap_s));
    if ((await deps.endpoints.put(changed)) === 'stored') {
      return { status: 200, body: presentNewWebhook(deps, changed) };
    }
  }
  throw new AppError('unavailable', { privateDetail: 'the endpoint changed under every try to rotate it' });
};
