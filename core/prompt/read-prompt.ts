/**
 * What a model's manifest asks of a prompt: its format and its length. A prompt is never cut: what the model would not
 * read to its end is refused, with both numbers.
 */
import { chatTexts } from '../chat/messages.ts';
import type { ErrorDetail } from '../errors.ts';
import type { JobRecord } from '../job/job.ts';
import type { Manifest } from '../models/manifest.ts';
import { isNewbieXml, readNewbieXml } from './newbie-xml.ts';
import { countTokens } from './tokens.ts';

export type PromptRefusal =
  | { readonly kind: 'invalid_prompt_xml'; readonly details: readonly ErrorDetail[] }
  | { readonly kind: 'prompt_too_long'; readonly counted: number; readonly allowed: number };

export type ReadPrompt =
  | PromptRefusal
  | {
      readonly kind: 'read';
      /** With the prompt in the form that is stored and sent on. */
      readonly input: JobRecord['input'];
      /** Everything in the input that a person wrote, without markup: what a policy looks at. */
      readonly texts: readonly string[];
      /** By the model's own tokenizer, or in words where the manifest names none. */
      readonly tokens: number;
      /** What is worth saying and refuses nothing. */
      readonly flags: readonly 'count_mismatch'[];
    };

type PromptRules = Pick<Manifest, 'prompt_format' | 'prompt_custom_tags' | 'prompt_tokens'>;

/** For input that the manifest's schema has let through. */
export function readPrompt(rules: PromptRules, input: JobRecord['input']): ReadPrompt {
  const prompt = input.prompt;
  if (typeof prompt !== 'string') {
    const texts = [...textsOf(input), ...chatTexts(input)];
    const tokens = chatTexts(input).reduce((sum, text) => sum + countTokens('words', text), 0);
    return { kind: 'read', input, texts, tokens, flags: [] };
  }
  const isXml = rules.prompt_format === 'newbie_xml' && isNewbieXml(prompt);
  const read = isXml ? readNewbieXml(prompt, { customTags: rules.prompt_custom_tags ?? false }) : null;
  if (read?.kind === 'invalid') return { kind: 'invalid_prompt_xml', details: read.details };

  const canonical = read?.canonical ?? prompt;
  const bound = rules.prompt_tokens;
  const tokens = countTokens(bound?.kind ?? 'words', canonical);
  if (bound !== undefined && tokens > bound.max) {
    return { kind: 'prompt_too_long', counted: tokens, allowed: bound.max };
  }
  return {
    kind: 'read',
    input: { ...input, prompt: canonical },
    texts: textsOf({ ...input, prompt: read?.text ?? prompt }),
    tokens,
    flags: read?.countDiffers ? ['count_mismatch'] : [],
  };
}

/** A negative prompt and the like are prompts too. */
function textsOf(input: JobRecord['input']): string[] {
  return Object.values(input).filter((value) => typeof value === 'string');
}
