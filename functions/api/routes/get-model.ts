import { presentModel } from '#core/api/model-resource.ts';
import { AppError } from '#core/errors.ts';
import { poolOfTenant } from '#core/tenancy/own-pool.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getModel: RouteHandler<'getModel'> = async ({ catalog, pools }, { caller, params }) => {
  const { granted } = caller;
  // Like the list: what is not granted is not there to see.
  const model = granted === null || granted.includes(params.id) ? catalog.get(params.id) : null;
  if (model === null) throw new AppError('model_not_found');
  const { state } = await pools.read(poolOfTenant(model.manifest.pool, caller.tenant));
  return { status: 200, body: presentModel(model, state) };
};
