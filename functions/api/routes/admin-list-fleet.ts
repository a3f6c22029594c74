import { presentWorker } from '#core/api/pool-resource.ts';
import { readFleet } from '#core/flows/fleet.ts';
import { knownPools } from '#core/flows/known-pools.ts';
import { findPool } from '../pools.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminListFleet: RouteHandler<'adminListFleet'> = async (deps, { query }) => {
  const pools =
    query.pool === undefined ? (await knownPools(deps)).toSorted() : [await findPool(deps, query.pool)];
  const workers = await readFleet(deps, pools);
  const nowMs = deps.clock.nowMs();
  return { status: 200, body: { object: 'list', data: workers.map((each) => presentWorker(each, nowMs)) } };
};
