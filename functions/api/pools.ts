/** What the routes of pools share: finding one, ordering, answering with it as it is now. */
import type { PoolResource } from '#core/api/pool-resource.ts';
import { presentPool } from '#core/api/pool-resource.ts';
import { AppError } from '#core/errors.ts';
import { knownPools } from '#core/flows/known-pools.ts';
import type { OperatorOrder } from '#core/flows/order-pool.ts';
import { orderPool } from '#core/flows/order-pool.ts';
import type { ApiAnswer } from './answer.ts';
import type { ApiDeps } from './api-deps.ts';

/** Throws `not_found` for a pool that is no model's and no tenant's own. */
export async function findPool(deps: ApiDeps, pool: string): Promise<string> {
  const isKnown = deps.catalog.pools().includes(pool) || (await knownPools(deps)).includes(pool);
  if (!isKnown) throw new AppError('not_found');
  return pool;
}

export async function presentOnePool(deps: ApiDeps, pool: string): Promise<PoolResource> {
  const [record, jobs, tickets] = await Promise.all([
    deps.pools.read(pool),
    deps.jobs.count(pool),
    deps.tickets.depth(pool),
  ]);
  return presentPool({ record, jobs, tickets, models: deps.catalog.poolModels(pool) }, deps.clock.nowMs());
}

/** Throws `conflict` when an order that stands does not allow this one. */
export async function ordered(deps: ApiDeps, pool: string, order: OperatorOrder): Promise<ApiAnswer> {
  if ((await orderPool(deps, await findPool(deps, pool), order)) === 'refused') {
    throw new AppError('conflict', { publicMessage: `The pool ${pool} is paused: resume it first.` });
  }
  return { status: 200, body: await presentOnePool(deps, pool) };
}
