import type { z } from 'zod';
import type { fileRequestSchema } from '#core/api/file-resource.ts';
import { formFileNameSchema, presentFile, presentOfferedFile } from '#core/api/file-resource.ts';
import { AppError } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import { announceFile } from '#core/flows/files.ts';
import { storeFile } from '#core/flows/store-file.ts';
import { storePicture } from '#core/flows/store-picture.ts';
import type { NewFile } from '#core/flows/stored-file.ts';
import { fileLimits, imageLimits } from '#core/limits.ts';
import type { ApiAnswer } from '../answer.ts';
import type { ApiDeps } from '../api-deps.ts';
import { refusalError } from '../refusal.ts';
import type { ApiCall, RouteHandler } from '../route-handler.ts';

export const createFile: RouteHandler<'createFile'> = async (deps, call) => {
  if (call.form !== undefined) return store(deps, call, call.form);
  if (call.body === undefined) throw new AppError('invalid_request');
  return announce(deps, call, call.body);
};

async function announce(
  deps: ApiDeps,
  { caller }: ApiCall<'createFile'>,
  { filename, purpose, bytes, sha256, expires_after: expires }: z.infer<typeof fileRequestSchema>,
): Promise<ApiAnswer> {
  if (purpose === 'vision' && bytes > imageLimits.namedBytesMax) {
    const message = `must be at most ${imageLimits.namedBytesMax} for a picture`;
    throw new AppError('invalid_request', { details: [{ path: 'bytes', message }] });
  }
  const keptMs = expires === undefined ? null : expires.seconds * 1000;
  const endsAtMs = deps.clock.nowMs() + fileLimits.uploadSeconds * 1000;
  const asked = { tenant: caller.tenant, purpose, filename, keptMs };
  const offered = await announceFile(deps, asked, { bytes, sha256 });
  if (offered.kind === 'refused') throw refusalError(offered.refusal, deps.clock.nowMs(), 'file');
  return { status: 200, body: presentOfferedFile(offered.file, offered.link, endsAtMs) };
}

async function store(
  deps: ApiDeps,
  { caller }: ApiCall<'createFile'>,
  form: NonNullable<ApiCall<'createFile'>['form']>,
): Promise<ApiAnswer> {
  const { file, purpose, 'expires_after[seconds]': seconds } = form;
  const name = formFileNameSchema.safeParse(file.name);
  if (!name.success) {
    throw new AppError('invalid_request', { details: faultsOf(name.error, ['file', 'filename']) });
  }
  if (file.size > fileLimits.inlineBytesMax) throw new AppError('payload_too_large');
  if (file.size === 0) throw badFile('is empty');
  const keptMs = seconds === undefined ? null : seconds * 1000;
  const asked = { tenant: caller.tenant, purpose, filename: name.data, keptMs };
  const stored = await storeOf(deps, asked, new Uint8Array(await file.arrayBuffer()));
  if (stored.kind === 'refused') throw refusalError(stored.refusal, deps.clock.nowMs(), 'file');
  if (stored.kind === 'fault') throw badFile(stored.message);
  return { status: 200, body: presentFile(stored.file) };
}

/** A picture is looked at before it is kept: nobody else would say until it is used that it is none. */
function storeOf(deps: ApiDeps, asked: NewFile, bytes: Uint8Array) {
  return asked.purpose === 'vision' ? storePicture(deps, asked, bytes) : storeFile(deps, asked, bytes);
}

function badFile(message: string): AppError {
  return new AppError('invalid_request', { details: [{ path: 'file', message }] });
}
