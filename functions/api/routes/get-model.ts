import { presentModel } from '#core/api/model-resource.ts';
import { AppError } from '#core/errors.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getModel: RouteHandler<'getModel'> = async ({ catalog, pools }, { params }) => {
  const model = catalog.get(params.id);
  if (model === null) throw new AppError('model_not_found');
  const { state } = await pools.read(model.manifest.pool);
  return { status: 200, body: presentModel(model, state) };
};
