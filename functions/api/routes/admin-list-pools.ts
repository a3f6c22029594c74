import { knownPools } from '#core/flows/known-pools.ts';
import { presentOnePool } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminListPools: RouteHandler<'adminListPools'> = async (deps) => {
  const pools = (await knownPools(deps)).toSorted();
  const data = await Promise.all(pools.map((pool) => presentOnePool(deps, pool)));
  return { status: 200, body: { object: 'list', data } };
};
