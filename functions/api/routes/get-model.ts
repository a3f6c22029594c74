import { presentModel } from '#core/api/model-resource.ts';
import { poolOfTenant } from '#core/tenancy/own-pool.ts';
import { findModel } from '../find-model.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getModel: RouteHandler<'getModel'> = async (deps, { caller, params }) => {
  const model = findModel(deps, caller, params.id);
  const { state } = await deps.pools.read(poolOfTenant(model.manifest.pool, caller.tenant));
  return { status: 200, body: presentModel(model, state) };
};
