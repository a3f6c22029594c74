/**
 * A refund under way, as a note among the reservations of the tenant's gate. It says all that is needed to finish the
 * refund, so that whoever finds it can. Its name is no job's, and its token tells one try from another.
 */
import * as z from 'zod';
import { readNoteText } from './note-text.ts';

const prefix = 'refund.';

const noteSchema = z.object({
  /** Month of the job's admission, `YYYYMM`. */
  month: z.string(),
  usdMicros: z.int().nonnegative(),
  /** What of it the month's budget was charged: never more than admission had set aside. */
  budgetUsdMicros: z.int().nonnegative(),
  reason: z.string(),
  atMs: z.int().nonnegative(),
  token: z.string(),
});

export type RefundNote = z.infer<typeof noteSchema>;

export function refundNoteName(jobId: string): string {
  return `${prefix}${jobId}`;
}

/** The job that the note is about; null for the name of a reservation. */
export function jobOfRefundNote(name: string): string | null {
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

export function refundNoteText(note: RefundNote): string {
  return JSON.stringify(note);
}

/** Reads {@link refundNoteText} back; null for a text that it did not write. */
export function readRefundNote(text: string): RefundNote | null {
  return readNoteText(noteSchema, text);
}
