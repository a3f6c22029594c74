/**
 * The demo model's vocabulary, read from the file that its training code reads too, so that both sides agree on
 * every token. Slots and their canonical order are described in `gpu-container/training/scenes.py`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const entrySchema = z.object({ name: z.string(), token: z.int(), words: z.array(z.string()).default([]) });
const kindSchema = z.object({ special: z.record(z.string(), z.int()), entries: z.array(entrySchema) });

const vocabularySchema = z.object({
  version: z.literal(1),
  slots: z.array(z.string()).length(8),
  nullToken: z.int(),
  background: kindSchema,
  relation: kindSchema,
  shape: kindSchema,
  colour: kindSchema,
  size: kindSchema,
  tokenCount: z.int(),
});

export type Vocabulary = z.infer<typeof vocabularySchema>;
export type WordKind = 'background' | 'shape' | 'colour' | 'size';

/** Directory of the released weights, inside the repository. */
export const shapesModelDirectory = fileURLToPath(new URL('../../models/pilotlight-shapes', import.meta.url));

/** The vocabulary as read once at load; throws a ZodError if the file is not what the code expects. */
export const vocabulary: Vocabulary = vocabularySchema.parse(
  JSON.parse(readFileSync(`${shapesModelDirectory}/vocabulary.json`, 'utf8')),
);

/** Token of a special value ("any", "none") of a kind. Throws if the vocabulary lacks it. */
export function specialToken(kind: WordKind, name: string): number {
  const token = vocabulary[kind].special[name];
  if (token === undefined) throw new Error(`The vocabulary has no ${kind} "${name}".`);
  return token;
}

/** Token of a relation: single, beside or stacked. Throws if the vocabulary lacks it. */
export function relationToken(name: string): number {
  const entry = vocabulary.relation.entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`The vocabulary has no relation "${name}".`);
  return entry.token;
}

const tokenOfWord = new Map(
  (['background', 'shape', 'colour', 'size'] as const).map((kind) => [
    kind,
    new Map(vocabulary[kind].entries.flatMap((entry) => entry.words.map((word) => [word, entry.token]))),
  ]),
);

/** Token of a word of one kind, or undefined if that kind does not know it. */
export function wordToken(kind: WordKind, word: string): number | undefined {
  return tokenOfWord.get(kind)?.get(word);
}
