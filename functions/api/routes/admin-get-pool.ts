import { findPool, presentOnePool } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminGetPool: RouteHandler<'adminGetPool'> = async (deps, { params }) => ({
  status: 200,
  body: await presentOnePool(deps, await findPool(deps, params.pool)),
});
