/** What stands as a note among the reservations of a gate: a document as text, beside tokens that are none. */
import type * as z from 'zod';

/** Null for a text that is no such document. */
export function readNoteText<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
