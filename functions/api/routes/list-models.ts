import { presentModel } from '#core/api/model-resource.ts';
import { poolOfTenant } from '#core/tenancy/own-pool.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listModels: RouteHandler<'listModels'> = async ({ catalog, pools }, { caller }) => {
  const own = catalog.pools().map((pool) => poolOfTenant(pool, caller.tenant));
  const records = await Promise.all(own.map((pool) => pools.read(pool)));
  const data = records.flatMap(({ pool, state }) =>
    catalog
      .poolModels(pool)
      .filter(({ manifest }) => caller.granted === null || caller.granted.includes(manifest.id))
      .map((model) => presentModel(model, state)),
  );
  return { status: 200, body: { object: 'list', data: data.toSorted(byId) } };
};

function byId(left: { readonly id: string }, right: { readonly id: string }): number {
  return left.id < right.id ? -1 : 1;
}
