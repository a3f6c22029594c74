/**
 * Keeps a file whose bytes came with the request. What it takes counts as the tenant's stored bytes until it expires or is
 * deleted.
 *
 * The bytes go first, then their count, then the record: a crash leaves bytes that nobody names and that expire, and perhaps
 * a count that ends with the day on which the file would have gone; never a file that is not counted.
 */
import type { Refusal } from '../admission/gate.ts';
import type { FileRecord } from '../batch/file.ts';
import { pathOf } from '../batch/file.ts';
import { sortedId } from '../canonical.ts';
import type { Files } from '../ports/batches.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { CountPorts, NewFile } from './stored-file.ts';
import { careOf, count, recordOf, storageRefusal } from './stored-file.ts';

export interface StorePorts extends CountPorts {
  readonly blobs: Pick<Blobs, 'put'>;
  readonly files: Pick<Files, 'create'>;
}

export type StoreOutcome =
  | { readonly kind: 'stored'; readonly file: FileRecord }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** @param contentType what its links say that it is; JSON lines when left out */
export async function storeFile(
  ports: StorePorts,
  asked: NewFile,
  body: Uint8Array,
  contentType = 'application/jsonl',
): Promise<StoreOutcome> {
  const refusal = await storageRefusal(ports, asked.tenant);
  if (refusal !== null) return { kind: 'refused', refusal };
  const { fileId = newFileId(ports).fileId } = asked;
  const file = recordOf(ports, asked, { fileId, bytes: body.byteLength, isStored: true });
  await ports.blobs.put(file.tenantId, pathOf(file), body, contentType, careOf(asked.tenant));
  await count(ports, file, file.bytes);
  await ports.files.create(file);
  return { kind: 'stored', file };
}

export function newFileId({ clock, ids }: Pick<CountPorts, 'clock' | 'ids'>): Pick<FileRecord, 'fileId'> {
  return { fileId: sortedId('file', clock.nowMs(), ids.next('file')) };
}
