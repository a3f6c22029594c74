import type { FileRecord } from '../batch/file.ts';
import { isFileId } from '../batch/file.ts';
import type { Files } from '../ports/batches.ts';

/** The file of this id; null for one that is missing, another tenant's, past its expiry, or no id at all. */
export async function findFile(
  { files }: { readonly files: Pick<Files, 'get'> },
  tenantId: string,
  fileId: string,
): Promise<FileRecord | null> {
  return isFileId(fileId) ? files.get(tenantId, fileId) : null;
}
