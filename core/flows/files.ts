/**
 * Files that tenants bring for their batches: with the request, or announced and put by a link. What one takes counts as the
 * tenant's stored bytes until it expires or is deleted.
 *
 * The bytes go first, then their count, then the record: a crash leaves bytes that nobody names and that expire, and perhaps
 * a count that ends with the day on which the file would have gone; never a file that is not counted.
 */
import type { Refusal } from '../admission/gate.ts';
import type { FileRecord } from '../batch/file.ts';
import { isFileId, pathOfFile } from '../batch/file.ts';
import { sortedId } from '../canonical.ts';
import { fileLimits } from '../limits.ts';
import type { Blobs, Clock, Files, Gates, Ids, UploadLink } from '../ports.ts';
import type { NewFile } from './stored-file.ts';
import { careOf, count, recordOf, storageRefusal } from './stored-file.ts';

export interface FilePorts {
  readonly blobs: Pick<Blobs, 'put' | 'uploadLink' | 'remove'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly files: Files;
  readonly gates: Pick<Gates, 'note' | 'read' | 'release'>;
  readonly ids: Ids;
}

export type StoreOutcome =
  | { readonly kind: 'stored'; readonly file: FileRecord }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export type AnnounceOutcome =
  | { readonly kind: 'announced'; readonly file: FileRecord; readonly link: UploadLink }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Of a file whose bytes came with the request. */
export async function storeFile(ports: FilePorts, asked: NewFile, body: Uint8Array): Promise<StoreOutcome> {
  const refusal = await storageRefusal(ports, asked.tenant);
  if (refusal !== null) return { kind: 'refused', refusal };
  const file = recordOf(ports, asked, { ...newId(ports), bytes: body.byteLength, isStored: true });
  const path = pathOfFile(file.fileId);
  await ports.blobs.put(file.tenantId, path, body, 'application/jsonl', careOf(asked.tenant));
  await count(ports, file, file.bytes);
  await ports.files.create(file);
  return { kind: 'stored', file };
}

/** Of a file that is to be put by the link. It counts from now on, whether it comes or not. */
export async function announceFile(
  ports: FilePorts,
  asked: NewFile,
  expected: { readonly bytes: number; readonly sha256: string },
): Promise<AnnounceOutcome> {
  const refusal = await storageRefusal(ports, asked.tenant);
  if (refusal !== null) return { kind: 'refused', refusal };
  const file = recordOf(ports, asked, { ...newId(ports), bytes: expected.bytes, isStored: false });
  const link = await ports.blobs.uploadLink(
    file.tenantId,
    pathOfFile(file.fileId),
    expected,
    fileLimits.uploadSeconds,
    careOf(asked.tenant),
  );
  await count(ports, file, file.bytes);
  await ports.files.create(file);
  return { kind: 'announced', file, link };
}

/** The file of this id; null for one that is missing, another tenant's, past its expiry, or no id at all. */
export async function findFile(
  { files }: { readonly files: Pick<Files, 'get'> },
  tenantId: string,
  fileId: string,
): Promise<FileRecord | null> {
  return isFileId(fileId) ? files.get(tenantId, fileId) : null;
}

/** The bytes go first: a record without them can be removed again, bytes without a record by nobody. */
export async function removeFile(
  ports: FilePorts,
  tenantId: string,
  fileId: string,
): Promise<'removed' | 'missing'> {
  const file = await findFile(ports, tenantId, fileId);
  if (file === null) return 'missing';
  await ports.blobs.remove(tenantId, pathOfFile(fileId));
  const outcome = await ports.files.remove(tenantId, fileId);
  if (outcome === 'removed' && file.purpose === 'batch') await count(ports, file, -file.bytes);
  return outcome;
}

function newId({ clock, ids }: Pick<FilePorts, 'clock' | 'ids'>): Pick<FileRecord, 'fileId'> {
  return { fileId: sortedId('file', clock.nowMs(), ids.next('file')) };
}
