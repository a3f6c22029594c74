import type { z } from 'zod';
import type { aliasRequestSchema } from '#core/api/tenancy-resource.ts';
import { presentAlias } from '#core/api/tenancy-resource.ts';
import type { ErrorDetail } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';
import { modelOfVersion } from '#core/tenancy/alias.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { RouteHandler } from '../route-handler.ts';
import { refuse } from '../tenancy.ts';

export const adminPutAlias: RouteHandler<'adminPutAlias'> = async (deps, { params, body }) => {
  const { family, name } = params;
  const versions = resolve(deps, family, body.versions);
  const before = await deps.aliases.get(family, name);
  const alias = {
    family,
    name,
    versions,
    createdAtMs: before?.createdAtMs ?? deps.clock.nowMs(),
    version: (before?.version ?? 0) + 1,
  };
  if ((await deps.aliases.put(alias)) === 'conflict') {
    throw new AppError('conflict', { publicMessage: 'Somebody else changed the alias just now.' });
  }
  return { status: 200, body: presentAlias(alias) };
};

/** Every version with the model that it means; refuses unknown ones and two of the same model and size. */
function resolve(
  { catalog }: ApiDeps,
  family: string,
  asked: z.output<typeof aliasRequestSchema>['versions'],
) {
  const seen = new Set<string>();
  const details: ErrorDetail[] = [];
  const versions = asked.map(({ version, weight, pixels_max: pixelsMax }, index) => {
    const path = `versions.${index}.version`;
    const model = modelOfVersion(catalog, family, version);
    if (model === null) details.push({ path, message: `there is no such version of ${family}` });
    else if (seen.has(`${model} ${pixelsMax}`)) details.push({ path, message: `${model} is named twice` });
    else seen.add(`${model} ${pixelsMax}`);
    return { version, weight, model: model ?? '', ...(pixelsMax === undefined ? {} : { pixelsMax }) };
  });
  refuse(details);
  return versions;
}
