import { AppError } from '#core/errors.ts';
import { removeAdapter } from '#core/flows/adapters.ts';
import type { RouteHandler } from '../route-handler.ts';

export const deleteAdapter: RouteHandler<'deleteAdapter'> = async (deps, { caller, params: { id } }) => {
  if ((await removeAdapter(deps, caller.tenant.tenantId, id)) === 'missing') throw new AppError('not_found');
  return { status: 200, body: { id, object: 'adapter', deleted: true } };
};
