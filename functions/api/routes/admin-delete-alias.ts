import { presentAlias } from '#core/api/tenancy-resource.ts';
import { AppError } from '#core/errors.ts';
import { aliasId, readAliasId } from '#core/tenancy/alias.ts';
import type { RouteHandler } from '../route-handler.ts';

export const adminDeleteAlias: RouteHandler<'adminDeleteAlias'> = async ({ aliases }, { params }) => {
  const id = readAliasId(aliasId(params));
  const alias = id === null ? null : await aliases.get(id.family, id.name);
  if (alias === null || (await aliases.remove(alias.family, alias.name)) === 'missing') {
    throw new AppError('not_found');
  }
  return { status: 200, body: presentAlias(alias) };
};
