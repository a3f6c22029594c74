/**
 * What a streamed job says and shows, in pieces, and positions in it. The place of a piece is where it begins in what its
 * attempt tells, so that pieces can be told apart, put in order and found missing without any other number, and a reader
 * that knows how much it has knows where to go on.
 */
import * as z from 'zod';
import { streamLimits } from '../limits.ts';

const wholeSchema = z.int().nonnegative();

/** How a picture looks so far: small, to be shown and forgotten. */
const previewSchema = z.object({
  /** Of `steps`, the one it was made after. */
  step: wholeSchema,
  steps: wholeSchema,
  contentType: z.enum(['image/jpeg', 'image/png']),
  width: wholeSchema,
  height: wholeSchema,
  body: z.instanceof(Uint8Array),
});

export type Preview = z.infer<typeof previewSchema>;

export const textPieceSchema = z.object({
  attempt: wholeSchema,
  /** Characters (UTF-16 code units) of the attempt's text that come before it, and one for each preview. */
  at: wholeSchema,
  text: z.string(),
  /** Of a piece without text. */
  preview: previewSchema.optional(),
  /** The attempt says nothing after it; its job is about to end or to go back to the line. */
  isLast: z.boolean(),
  /** When its worker wrote it, by the worker's clock. */
  toldAtMs: wholeSchema,
});

export type TextPiece = z.infer<typeof textPieceSchema>;

/** Where a reader stands: it has `at` characters of what this attempt says. */
export type TextPosition = Pick<TextPiece, 'attempt' | 'at'>;

/** Places that the piece takes in what its attempt tells. */
export function lengthOf({ text, preview }: Pick<TextPiece, 'text' | 'preview'>): number {
  return preview === undefined ? text.length : 1;
}

/** `2-117`: 117 characters of the second attempt. */
export function positionText({ attempt, at }: TextPosition): string {
  return `${attempt}-${at}`;
}

/** Null for a text that {@link positionText} does not write. */
export function readPosition(text: string): TextPosition | null {
  const [, attempt, at] = /^(0|[1-9]\d{0,5})-(0|[1-9]\d{0,8})$/.exec(text) ?? [];
  return attempt === undefined || at === undefined ? null : { attempt: Number(attempt), at: Number(at) };
}

/**
 * The longest beginning of the text that one piece holds (`streamLimits.pieceBytesMax` of UTF-8), cut between
 * characters; the whole text when it fits.
 */
export function firstPieceOf(text: string): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > streamLimits.pieceBytesMax) return text.slice(0, end);
    end += character.length;
  }
  return text;
}
