/**
 * Bytes of a file that are about to be counted, as a note among the reservations of the tenant's gate. It says all that is needed
 * to count them, so that whoever finds it can: a process that was held between note and count has lost nothing.
 */
import * as z from 'zod';
import { readNoteText } from './note-text.ts';
import type { Stored } from './stored-bytes.ts';

const prefix = 'stored.';

const noteSchema = z.object({ fileId: z.string(), bucket: z.string(), bytes: z.int() });

/** @param count names one count: a file is counted as it comes, and again as it goes before its time */
export function storedNoteName(count: string): string {
  return `${prefix}${count}`;
}

/** False for the name of a reservation. */
export function isStoredNote(name: string): boolean {
  return name.startsWith(prefix);
}

export function storedNoteText(fileId: string, { bucket, bytes }: Stored): string {
  return JSON.stringify({ fileId, bucket, bytes });
}

export type StoredNote = Stored & { readonly fileId: string };

/** Reads {@link storedNoteText} back; null for a text that it did not write. */
export function readStoredNote(text: string): StoredNote | null {
  return readNoteText(noteSchema, text);
}
