/** Files that tenants bring by a link, lines of batches and pictures, and the end of any file. As `store-file.ts` counts them. */
import type { Refusal } from '../admission/gate.ts';
import type { FileRecord } from '../batch/file.ts';
import { pathOf } from '../batch/file.ts';
import { fileLimits } from '../limits.ts';
import type { Files } from '../ports/batches.ts';
import type { Blobs, UploadLink } from '../ports/blobs.ts';
import type { Gates } from '../ports/gates.ts';
import type { Clock, Ids } from '../ports/process.ts';
import { findFile } from './find-file.ts';
import { uncount } from './finish-count.ts';
import { newFileId } from './store-file.ts';
import type { NewFile } from './stored-file.ts';
import { careOf, count, recordOf, storageRefusal } from './stored-file.ts';

export interface FilePorts {
  readonly blobs: Pick<Blobs, 'put' | 'uploadLink' | 'remove'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly files: Files;
  readonly gates: Pick<Gates, 'note' | 'read' | 'release'>;
  readonly ids: Ids;
}

export type AnnounceOutcome =
  | { readonly kind: 'announced'; readonly file: FileRecord; readonly link: UploadLink }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Of a file that is to be put by the link. It counts from now on, whether it comes or not. */
export async function announceFile(
  ports: FilePorts,
  asked: NewFile,
  expected: { readonly bytes: number; readonly sha256: string },
): Promise<AnnounceOutcome> {
  const refusal = await storageRefusal(ports, asked.tenant);
  if (refusal !== null) return { kind: 'refused', refusal };
  const file = recordOf(ports, asked, { ...newFileId(ports), bytes: expected.bytes, isStored: false });
  const link = await ports.blobs.uploadLink(
    file.tenantId,
    pathOf(file),
    expected,
    fileLimits.uploadSeconds,
    careOf(asked.tenant),
  );
  await count(ports, file, file.bytes);
  await ports.files.create(file);
  return { kind: 'announced', file, link };
}

/**
 * The bytes go first: a record without them can be removed again, bytes without a record by nobody. What was found is gone in
 * the end, whoever removed it: another call, or the sweep, or this one's own write whose answer was lost.
 */
export async function removeFile(
  ports: FilePorts,
  tenantId: string,
  fileId: string,
): Promise<'removed' | 'missing'> {
  const file = await findFile(ports, tenantId, fileId);
  if (file === null) return 'missing';
  await ports.blobs.remove(tenantId, pathOf(file));
  if (file.purpose === 'batch_output') await ports.files.remove(tenantId, fileId);
  else await uncount(ports, file);
  return 'removed';
}
