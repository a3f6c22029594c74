import { presentBatch } from '#core/api/batch-resource.ts';
import { knownBatch } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getBatch: RouteHandler<'getBatch'> = async (deps, { caller, params }) => ({
  status: 200,
  body: presentBatch(await knownBatch(deps, caller.tenant.tenantId, params.id)),
});
