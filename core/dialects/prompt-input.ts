/** Chats that are asked by one prompt, as Replicate's and fal's models take them, in the form that models here read. */
import type { Manifest } from '../models/manifest.ts';
import { chatMessages } from './openai/chat-messages.ts';
import type { Json, Parameters } from './openai/parameters.ts';

export interface AskedInput {
  readonly input: Parameters;
  /** The name in the request of a field of the job, such as `input.prompt`. */
  paramOf(path: string): string;
}

/**
 * `prompt`, `system_prompt` and `image` of a chat as messages; every other input as it is, and so is a chat's that has
 * messages already.
 * @param task of the model; null: not known, as of an alias
 */
export function askedInput(input: Parameters, task: Manifest['task'] | null): AskedInput {
  if (task !== 'chat' || input.messages !== undefined || input.prompt === undefined) {
    return { input, paramOf: (path) => path };
  }
  return {
    input: chatInput(input),
    paramOf: (path) => (path.startsWith('input.messages') ? 'input.prompt' : path),
  };
}

function chatInput({ prompt, system_prompt, image, ...rest }: Parameters): Parameters {
  const content: Json = image === undefined ? (prompt ?? null) : [{ image }, { text: prompt ?? null }];
  const system = system_prompt === undefined ? [] : [{ role: 'system', content: system_prompt }];
  return { ...rest, messages: chatMessages([...system, { role: 'user', content }]) };
}
