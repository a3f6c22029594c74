import { purgeLine } from '#core/flows/purge-line.ts';
import { endpointModel } from '../dialects/runpod/jobs.ts';
import type { RouteHandler } from '../route-handler.ts';

export const runpodPurgeQueue: RouteHandler<'runpodPurgeQueue'> = async (deps, { caller, params }) => {
  const { manifest } = await endpointModel(deps, caller, params.endpoint);
  const removed = await purgeLine(deps, caller.tenant.tenantId, manifest.id);
  return { status: 200, body: { removed, status: 'completed' } };
};
