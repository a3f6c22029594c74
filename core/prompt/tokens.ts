/** How prompts are counted, by the kind of tokenizer that a manifest names. */

/** `words`: what pilotlight-shapes reads, one token a word or number. */
export const tokenKinds = ['words'] as const;

export type TokenKind = (typeof tokenKinds)[number];

export function countTokens(kind: TokenKind, prompt: string): number {
  switch (kind) {
    case 'words':
      return wordsOf(prompt).length;
  }
}

/** Lower-case words and numbers in order; hyphens and apostrophes are part of a word. The model reads these too. */
export function wordsOf(prompt: string): readonly string[] {
  return prompt.toLowerCase().match(/\p{L}[\p{L}\p{N}'-]*|\p{N}+/gu) ?? [];
}
