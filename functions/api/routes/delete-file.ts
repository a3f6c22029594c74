import { AppError } from '#core/errors.ts';
import { removeFile } from '#core/flows/files.ts';
import { knownFile } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

export const deleteFile: RouteHandler<'deleteFile'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const { fileId: id } = await knownFile(deps, tenantId, params.id);
  if ((await removeFile(deps, tenantId, id)) === 'missing') throw new AppError('not_found');
  return { status: 200, body: { id, object: 'file', deleted: true } };
};
