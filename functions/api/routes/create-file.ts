import { formFileNameSchema, presentFile, presentOfferedFile } from '#core/api/file-resource.ts';
import { AppError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import { announceFile, storeFile } from '#core/flows/files.ts';
import { fileLimits } from '#core/limits.ts';
import type { ApiAnswer } from '../answer.ts';
import type { ApiDeps } from '../api-deps.ts';
import { refusalError } from '../refusal.ts';
import type { ApiCall, RouteHandler } from '../route-handler.ts';

export const createFile: RouteHandler<'createFile'> = async (deps, call) => {
  if (call.form !== undefined) return store(deps, call, call.form);
  const { caller, body } = call;
  if (body === undefined) throw new AppError('invalid_request');
  const { filename, bytes, sha256, expires_after: expires } = body;
  const keptMs = expires === undefined ? null : expires.seconds * 1000;
  const endsAtMs = deps.clock.nowMs() + fileLimits.uploadSeconds * 1000;
  const offered = await announceFile(deps, { tenant: caller.tenant, filename, keptMs }, { bytes, sha256 });
  if (offered.kind === 'refused') throw refusalError(offered.refusal, deps.clock.nowMs(), 'file');
  return { status: 200, body: presentOfferedFile(offered.file, offered.link, endsAtMs) };
};

async function store(
  deps: ApiDeps,
  { caller }: ApiCall<'createFile'>,
  form: NonNullable<ApiCall<'createFile'>['form']>,
): Promise<ApiAnswer> {
  const { file, 'expires_after[seconds]': seconds } = form;
  const name = formFileNameSchema.safeParse(file.name);
  if (!name.success) {
    throw new AppError('invalid_request', { details: faultsOf(name.error, ['file', 'filename']) });
  }
  if (file.size > fileLimits.inlineBytesMax) throw new AppError('payload_too_large');
  if (file.size === 0) {
    throw new AppError('invalid_request', { details: [{ path: 'file', message: 'is empty' }] });
  }
  const asked = {
    tenant: caller.tenant,
    filename: name.data,
    keptMs: seconds === undefined ? null : seconds * 1000,
  };
  const stored = await storeFile(deps, asked, new Uint8Array(await file.arrayBuffer()));
  if (stored.kind === 'refused') throw refusalError(stored.refusal, deps.clock.nowMs(), 'file');
  return { status: 200, body: presentFile(stored.file) };
}
