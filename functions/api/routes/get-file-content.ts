import { pathOf } from '#core/batch/file.ts';
import { AppError } from '#core/errors.ts';
import { apiLimits } from '#core/limits.ts';
import { knownFile } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

/** A redirect: what a function may answer with ends at 6 MB, and a file of a batch at 200. */
export const getFileContent: RouteHandler<'getFileContent'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const file = await knownFile(deps, tenantId, params.id);
  const leftMs = file.expiresAtMs - deps.clock.nowMs();
  // A link of less than a second is none.
  if (leftMs < 1000) throw new AppError('not_found');
  const seconds = Math.min(apiLimits.outputUrlSeconds, Math.floor(leftMs / 1000));
  return {
    status: 302,
    headers: { location: await deps.blobs.link(tenantId, pathOf(file), seconds) },
  };
};
