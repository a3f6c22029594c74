/** The end of what a note of stored bytes says: by whoever wrote it, or by the sweep where that one died. */
import { bucketOf } from '../admission/stored-bytes.ts';
import { readStoredNote, storedNoteName, storedNoteText } from '../admission/stored-note.ts';
import type { FileRecord } from '../batch/file.ts';
import type { Files } from '../ports/batches.ts';
import type { Gates } from '../ports/gates.ts';

export interface UncountPorts {
  readonly files: Pick<Files, 'remove'>;
  readonly gates: Pick<Gates, 'note' | 'release'>;
}

/**
 * Takes away the record of a file whose bytes are gone, and these from what the tenant keeps. The note is of this very file, so
 * that any number of removals count once; the sweep does what it says when they die.
 */
export async function uncount(
  ports: UncountPorts,
  { tenantId, fileId, createdAtMs, expiresAtMs, bytes }: FileRecord,
): Promise<void> {
  const name = storedNoteName(`${fileId}.${createdAtMs}`);
  const text = storedNoteText(fileId, { bucket: bucketOf(expiresAtMs), bytes: -bytes });
  if ((await ports.gates.note(tenantId, name, text)) !== 'finished')
    await finishCount(ports, tenantId, { name, text });
}

/**
 * By whoever comes first: removing the note is the count, so there is one. A record goes before it: while it stands, its removal
 * can be asked for again. A note that cannot be read counts nothing.
 */
export async function finishCount(
  { files, gates }: { readonly files: Pick<Files, 'remove'>; readonly gates: Pick<Gates, 'release'> },
  tenantId: string,
  { name, text }: { readonly name: string; readonly text: string },
): Promise<void> {
  const note = readStoredNote(text);
  if (note !== null && note.bytes < 0) await files.remove(tenantId, note.fileId);
  const stored = note === null ? null : { bucket: note.bucket, bytes: note.bytes };
  await gates.release(tenantId, name, { token: text, corrections: [], stored, finishTag: null });
}
