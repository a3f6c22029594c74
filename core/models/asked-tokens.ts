/**
 * The tokens that a request asks for: those of its prompt and, where the model's input has `max_tokens`, those that it
 * may answer with. Both count in full at admission: what a request may take is known then, what it takes is not.
 */
import { chatTexts } from '../chat/messages.ts';
import { countTokens } from '../prompt/tokens.ts';
import type { Manifest, ModelInput } from './manifest.ts';

export interface AskedTokens {
  /** Read and written together. */
  readonly tokens: number;
  /** Most that it may answer with. */
  readonly written: number;
  /** The field that asks for most of them. */
  readonly path: string;
}

/** What a model reads as text beside what its other fields say. */
const promptFields = ['prompt', 'negative_prompt'] as const;

/**
 * For input that the manifest's schema has let through, with its defaults filled in. Prompts and the texts of messages are
 * counted by the tokenizer that the manifest names, or in words; pictures are not. A request without `max_tokens`, of a model whose schema gives it no default, asks
 * for as many as the schema allows.
 */
export function askedTokens(
  { prompt_tokens, input_schema }: Pick<Manifest, 'prompt_tokens' | 'input_schema'>,
  input: ModelInput,
): AskedTokens {
  const kind = prompt_tokens?.kind ?? 'words';
  const texts = promptFields.map((field) => input[field]).filter((text) => typeof text === 'string');
  const chat = chatTexts(input);
  const read = [...texts, ...chat].reduce((sum, text) => sum + countTokens(kind, text), 0);
  const written = wholeOf(input.max_tokens) ?? wholeOf(input_schema.properties.max_tokens?.maximum) ?? 0;
  const readPath = chat.length > 0 ? 'input.messages' : 'input.prompt';
  return { tokens: read + written, written, path: written > read ? 'input.max_tokens' : readPath };
}

function wholeOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}
