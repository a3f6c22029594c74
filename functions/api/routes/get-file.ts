import { presentFile } from '#core/api/file-resource.ts';
import { knownFile } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

export const getFile: RouteHandler<'getFile'> = async (deps, { caller, params }) => ({
  status: 200,
  body: presentFile(await knownFile(deps, caller.tenant.tenantId, params.id)),
});
