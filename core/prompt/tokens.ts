/** How prompts are counted, by the kind of tokenizer that a manifest names. */

/**
 * `words`: what pilotlight-shapes reads, one token a word or number. `qwen2`: parts that the tokenizer of Qwen2 and Qwen3 splits a text
 * into before it looks into its vocabulary. Each becomes a token or more, so a text has as many tokens at least.
 */
export const tokenKinds = ['words', 'qwen2'] as const;

export type TokenKind = (typeof tokenKinds)[number];

export function countTokens(kind: TokenKind, prompt: string): number {
  switch (kind) {
    case 'words':
      return wordsOf(prompt).length;
    case 'qwen2':
      return qwenPartsMin(prompt);
  }
}

/** Letters with one sign before them, single digits, other signs together. White space, which templates trim, is left out. */
const qwenPart = /[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*/gu;

/** What may be a token of its own whatever it is made of, such as `<think>` and `<|im_end|>`. */
const qwenMark = /<[/|]?[a-z][^<>\s]*>/iu;

function qwenPartsMin(prompt: string): number {
  const between = prompt.split(qwenMark);
  const parts = between.map((text) => text.normalize('NFC').match(qwenPart)?.length ?? 0);
  return parts.reduce((sum, count) => sum + count, between.length - 1);
}

/** Lower-case words and numbers in order; hyphens and apostrophes are part of a word. The model reads these too. */
export function wordsOf(prompt: string): readonly string[] {
  return prompt.toLowerCase().match(/\p{L}[\p{L}\p{N}'-]*|\p{N}+/gu) ?? [];
}
