import { isAdapterId } from '#core/adapter/adapter.ts';
import { presentAdapter } from '#core/api/adapter-resource.ts';
import { AppError } from '#core/errors.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getAdapter: RouteHandler<'getAdapter'> = async (deps, { caller, params: { id } }) => {
  const adapter = isAdapterId(id) ? await deps.adapters.get(caller.tenant.tenantId, id) : null;
  if (adapter === null) throw new AppError('not_found');
  return { status: 200, body: presentAdapter(adapter) };
};
