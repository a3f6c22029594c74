/**
 * The prompt policy of a tenant: off, flag or block. Rules that ship find what tries to talk a model out of its
 * instructions; the operator's terms find words. It is best effort: it sees through spelling and spacing
 * (prompt/fold.ts), not through another language, a synonym or a cipher. docs/prompt-policy.md has the measured rates.
 * It names rules, never what they found.
 */
import * as z from 'zod';
import { promptLimits } from '../limits.ts';
import { readLeet } from './confusables.ts';
import type { FoldedText } from './fold.ts';
import { foldJoined, foldPhrase, foldText, plainText } from './fold.ts';
import { builtInRules } from './policy-rules.ts';

export const promptPolicyModes = ['off', 'flag', 'block'] as const;

export type PromptPolicyMode = (typeof promptPolicyModes)[number];

/** Names of rules as they stand in answers. */
export type PromptRule =
  | (typeof builtInRules)[number]['name']
  | 'operator_terms'
  /** More tokens than the tenant may send. */
  | 'prompt_tokens_max';

/** One of the operator's terms: at least one letter or digit, else it would be found nowhere. */
export const promptTermSchema = z
  .string()
  .max(promptLimits.termCharactersMax)
  .refine((term) => foldPhrase(term) !== '', { message: 'must hold a letter or a digit' });

export const promptTermsSchema = z.array(promptTermSchema).max(promptLimits.termsMax);

export interface PromptPolicy {
  readonly mode: PromptPolicyMode;
  readonly terms: readonly string[];
  readonly tokensMax: number | null;
}

export type PromptJudgement =
  | { readonly kind: 'pass'; readonly flags: readonly PromptRule[] }
  | { readonly kind: 'prompt_rejected'; readonly rules: readonly PromptRule[] }
  | { readonly kind: 'prompt_too_long'; readonly counted: number; readonly allowed: number };

/** Pure and bounded: every text is looked through a fixed number of times. */
export function judgePrompt(
  { mode, terms, tokensMax }: PromptPolicy,
  { texts, tokens }: { readonly texts: readonly string[]; readonly tokens: number },
): PromptJudgement {
  if (mode === 'off') return { kind: 'pass', flags: [] };
  const isTooLong = tokensMax !== null && tokens > tokensMax;
  const found = rulesThatFind(terms, texts);
  if (mode === 'flag') {
    return { kind: 'pass', flags: isTooLong ? [...found, 'prompt_tokens_max'] : found };
  }
  if (isTooLong) return { kind: 'prompt_too_long', counted: tokens, allowed: tokensMax };
  return found.length === 0 ? { kind: 'pass', flags: [] } : { kind: 'prompt_rejected', rules: found };
}

/** Rules that find something in any of the texts, each once, those that ship first. */
export function rulesThatFind(terms: readonly string[], texts: readonly string[]): readonly PromptRule[] {
  // One text over a line break: a phrase may go on from one field or element into the next.
  const text = texts.join('\n');
  const folded = foldText(text);
  const plain = plainText(text);
  const shipped = builtInRules.filter((rule) => rule.finds(folded, plain)).map(({ name }) => name);
  return terms.some((term) => findsTerm(folded, term)) ? [...shipped, 'operator_terms'] : shipped;
}

/** Scripts that put no spaces between words: there a term is found anywhere. */
const unspacedScript =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

function findsTerm(folded: FoldedText, term: string): boolean {
  return [foldPhrase(term), foldJoined(term)].some((phrase) => findsPhrase(folded, phrase));
}

function findsPhrase({ views, leetViews, runs }: FoldedText, phrase: string): boolean {
  const squeezed = phrase.replaceAll(' ', '');
  if (unspacedScript.test(phrase)) return views.some((view) => view.replaceAll(' ', '').includes(squeezed));
  const leet = readLeet(phrase);
  if (views.some((view) => view.includes(` ${phrase} `))) return true;
  if (leetViews.some((view) => view.includes(` ${leet} `))) return true;
  // A run has no word boundaries, and short terms are parts of many words.
  const isLong = squeezed.length >= promptLimits.runTermCharactersMin;
  return isLong && runs.some((run) => run.includes(squeezed) || run.includes(readLeet(squeezed)));
}
