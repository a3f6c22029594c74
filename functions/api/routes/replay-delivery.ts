import { presentDelivery } from '#core/api/webhook-resource.ts';
import { AppError } from '#core/errors.ts';
import type { DeliveryRecord } from '#core/webhook/delivery.ts';
import { replayed } from '#core/webhook/delivery.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { RouteHandler } from '../route-handler.ts';
import { findEndpoint } from '../webhooks.ts';

const idForm = /^whd_[0-9a-hjkmnp-tv-z]{26}$/;

export const replayDelivery: RouteHandler<'replayDelivery'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const { endpointId, disabled } = await findEndpoint(deps, tenantId, params.id);
  const found = idForm.test(params.delivery)
    ? await deps.deliveries.get(tenantId, endpointId, params.delivery)
    : null;
  if (found === null) throw new AppError('not_found');
  if (disabled !== null && found.jobId !== null) {
    refuse('The webhook is disabled: send a test that gets through first.');
  }
  if (found.status === 'pending') refuse('The message is on its way.');
  if (await isJobGone(deps, found)) refuse('The job is past its retention.');
  const again = replayed(found, deps.clock.nowMs());
  if ((await deps.deliveries.put(again)) === 'conflict') refuse('The message is on its way.');
  return { status: 202, body: presentDelivery(again) };
};

async function isJobGone({ jobs }: ApiDeps, { tenantId, jobId }: DeliveryRecord): Promise<boolean> {
  return jobId !== null && (await jobs.get(tenantId, jobId, { consistent: true })) === null;
}

function refuse(publicMessage: string): never {
  throw new AppError('conflict', { publicMessage });
}
