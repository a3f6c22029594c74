import { presentAlias } from '#core/api/tenancy-resource.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminListAliases: RouteHandler<'adminListAliases'> = async (deps, { query }) => {
  const page = await deps.aliases.list(query.cursor);
  return {
    status: 200,
    body: { object: 'list', data: page.items.map(presentAlias), next_cursor: page.cursor },
  };
};
