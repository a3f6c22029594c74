import { presentModel } from '#core/dialects/replicate/model.ts';
import type { RouteHandler } from '../route-handler.ts';

export const replicateListModels: RouteHandler<'replicateListModels'> = async ({ catalog }, call) => {
  const { granted } = call.caller;
  const seen = catalog.list().filter(({ manifest }) => granted === null || granted.includes(manifest.id));
  const results = seen.map(({ manifest }) => presentModel(manifest, call.apiUrl));
  return { status: 200, body: { previous: null, next: null, results } };
};
