/**
 * Tokenizer of the chat model: known words whole, all else byte by byte. `training/chat_tokens.py` reads the same file, and
 * `training/tests/chat-tokens.json` holds what both sides must read alike.
 */
import * as z from 'zod';

/** Ids that part a chat; no text gives one. */
export const markers = { end: 0, system: 1, user: 2, assistant: 3 } as const;

const byteStart = 4;
const wordStart = byteStart + 256;

/** A word or any one other character, each with the space before it. */
const piece = / ?[A-Za-z]+| ?[^A-Za-z ]| /gu;

const fileSchema = z.strictObject({ version: z.literal(1), words: z.array(z.string().min(1)) });

export interface ScenesTokenizer {
  /** How many ids there are; rows of pictures are numbered from here. */
  readonly size: number;
  /** Ids of a text. A word in capitals that is not known so is read in lower case. */
  encode(text: string): number[];
  /** UTF-8 of a token, which may be a part of a character; empty for a marker. */
  bytesOf(token: number): Uint8Array;
}

/** Reads `tokenizer.json`; throws where it is none. */
export function readTokenizer(file: Uint8Array): ScenesTokenizer {
  const { words } = fileSchema.parse(JSON.parse(Buffer.from(file).toString('utf8')));
  const ids = new Map(words.map((word, index) => [word, wordStart + index]));
  const encodePiece = (text: string) => {
    const known = ids.get(text) ?? ids.get(text.toLowerCase());
    return known === undefined ? [...Buffer.from(text)].map((byte) => byteStart + byte) : [known];
  };
  return {
    size: wordStart + words.length,
    encode: (text) => (text.match(piece) ?? []).flatMap(encodePiece),
    bytesOf(token) {
      if (token < byteStart) return new Uint8Array();
      return token < wordStart
        ? Uint8Array.of(token - byteStart)
        : Buffer.from(words[token - wordStart] ?? '');
    },
  };
}
