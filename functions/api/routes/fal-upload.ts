import { readUploadPass } from '#core/batch/upload-pass.ts';
import { AppError } from '#core/errors.ts';
import { findFile } from '#core/flows/find-file.ts';
import { storePicture } from '#core/flows/store-picture.ts';
import { findTenantWithPlan } from '#core/flows/tenant-with-plan.ts';
import { refusalError } from '../refusal.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Whoever has the address has the pass. One that does not hold costs no read; the first bytes that come by it stay. */
export const falUpload: RouteHandler<'falUpload'> = async (deps, { params, form }) => {
  const pass = readUploadPass(deps.keyPepper, params.pass, deps.clock.nowMs());
  if (pass === null || form === undefined) throw new AppError('not_found');
  if (form.file.size === 0)
    throw new AppError('invalid_request', { details: [{ path: 'file', message: 'has no bytes' }] });
  const { tenantId, fileId } = pass;
  const before = await findFile(deps, tenantId, fileId);
  if (before !== null) return { status: 200, body: { id: fileId, bytes: before.bytes } };
  const tenant = await findTenantWithPlan(deps, tenantId);
  if (tenant === null || tenant.status !== 'active') throw new AppError('not_found');
  const bytes = new Uint8Array(await form.file.arrayBuffer());
  const stored = await storePicture(deps, { tenant, filename: 'upload', keptMs: null, fileId }, bytes);
  switch (stored.kind) {
    case 'stored':
      return { status: 200, body: { id: fileId, bytes: stored.file.bytes } };
    case 'refused':
      throw refusalError(stored.refusal, deps.clock.nowMs(), 'file');
    case 'fault':
      throw new AppError('invalid_request', { details: [{ path: 'file', message: stored.message }] });
  }
};
