import { presentModel } from '#core/api/model-resource.ts';
import type { RouteHandler } from '../route-handler.ts';

export const listModels: RouteHandler<'listModels'> = async ({ catalog, pools }) => {
  const records = await Promise.all(catalog.pools().map((pool) => pools.read(pool)));
  const data = records.flatMap(({ pool, state }) =>
    catalog.poolModels(pool).map((model) => presentModel(model, state)),
  );
  return { status: 200, body: { object: 'list', data: data.toSorted(byId) } };
};

function byId(left: { readonly id: string }, right: { readonly id: string }): number {
  return left.id < right.id ? -1 : 1;
}
