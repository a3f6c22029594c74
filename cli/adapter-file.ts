/** The file of an adapter on this machine: how long it is, its hash, and sending it where the API says. */
import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Adapter, OfferedAdapter } from '#client/schema.ts';
import { CliError, exitCodes, usageError } from './cli-error.ts';
import type { Client } from './client.ts';

export interface LocalFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Reads the file once, a piece at a time. Throws a usage error for one that cannot be read. */
export async function describeFile(cwd: string, name: string): Promise<LocalFile> {
  const path = resolve(cwd, name);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    await pipeline(createReadStream(path), async (pieces: AsyncIterable<Uint8Array>) => {
      for await (const piece of pieces) {
        bytes += piece.byteLength;
        hash.update(piece);
      }
    });
  } catch (error) {
    throw usageError(`cannot read ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

/** Announces the file, uploads it unless the tenant has it, and has it checked. */
export async function bringAdapter(
  client: Client,
  { path, bytes, sha256 }: LocalFile,
  { name, model }: { readonly name: string; readonly model: string },
): Promise<{ readonly adapter: Adapter; readonly json: unknown }> {
  const offered = await client.call('createAdapter', { body: { name, model, bytes, sha256 } });
  const { id, upload } = offered.body;
  if (upload !== null) await client.upload(upload, await openAsBlob(path));
  else if (offered.body.status === 'refused') throw refused(offered.body);
  const { body, json } = await client.call('completeAdapter', { params: { id } });
  return { adapter: body, json };
}

function refused({ refusal }: OfferedAdapter): CliError {
  const message = `The adapter is refused: ${refusal?.message ?? 'no reason given'}.`;
  return new CliError(message, { exitCode: exitCodes.refused, code: 'invalid_adapter' });
}
