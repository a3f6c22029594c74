/**
 * A warm-up under way, as a note among the reservations of the tenant's gate: the money is taken with it, and it says all
 * that is needed to finish the warm-up, so that whoever finds it can. It is named by its pool, so a tenant has one under
 * way at most for each: the next one sees what this one came to.
 */
import * as z from 'zod';
import { readNoteText } from './note-text.ts';

const prefix = 'warmup.';

const wholeSchema = z.int().nonnegative();

const noteSchema = z.object({
  warmupId: z.string(),
  keyId: z.string(),
  model: z.string(),
  /** The time that is paid for. */
  fromMs: wholeSchema,
  untilMs: wholeSchema,
  usdMicros: wholeSchema,
  fingerprint: z.string().nullable(),
  /** The tenant's warm-up of the pool that this one goes on from. */
  previous: z.object({ warmupId: z.string(), model: z.string(), untilMs: wholeSchema }).nullable(),
  /** When it was asked for. */
  atMs: wholeSchema,
  token: z.string(),
});

export type WarmupNote = z.infer<typeof noteSchema>;

export function warmupNoteName(pool: string): string {
  return `${prefix}${pool}`;
}

/** The pool that the note is about; null for the name of a reservation. */
export function poolOfWarmupNote(name: string): string | null {
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

export function warmupNoteText(note: WarmupNote): string {
  return JSON.stringify(note);
}

/** Reads {@link warmupNoteText} back; null for a text that it did not write. */
export function readWarmupNote(text: string): WarmupNote | null {
  return readNoteText(noteSchema, text);
}
