/** Keeps a copy of a file that lies elsewhere, as one that was brought for a batch. */
import type { FileRecord } from '../batch/file.ts';
import { pathOfFile } from '../batch/file.ts';
import type { Files } from '../ports/batches.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { CountPorts, NewFile } from './stored-file.ts';
import { careOf, count, recordOf } from './stored-file.ts';

export interface KeepPorts extends CountPorts {
  readonly blobs: Pick<Blobs, 'write'>;
  readonly files: Pick<Files, 'create'>;
}

/**
 * Of a file that is elsewhere, under an id that follows from it: whoever does it again makes the same. Its bytes count once: a
 * crash right behind the record may leave them uncounted.
 * @param read null: it is gone, and nothing is kept
 */
export async function keepFile(
  ports: KeepPorts,
  asked: NewFile,
  fileId: string,
  read: () => Promise<AsyncIterable<Uint8Array> | null>,
): Promise<FileRecord | null> {
  let bytes = 0;
  async function* counted(): AsyncIterable<Uint8Array> {
    bytes = 0;
    const pieces = await read();
    if (pieces === null) throw new Gone();
    for await (const piece of pieces) {
      bytes += piece.byteLength;
      yield piece;
    }
  }
  const { tenantId } = asked.tenant;
  try {
    await ports.blobs.write(tenantId, pathOfFile(fileId), counted, 'application/jsonl', careOf(asked.tenant));
  } catch (error) {
    if (error instanceof Gone) return null;
    throw error;
  }
  const file = recordOf(ports, asked, { fileId, bytes, isStored: true });
  if ((await ports.files.create(file)) === 'created') await count(ports, file, bytes);
  return file;
}

class Gone extends Error {}
