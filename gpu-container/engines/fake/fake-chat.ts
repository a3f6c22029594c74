/**
 * What the fake engine answers a chat with: what it was told, word by word, and the hashes of the pictures that it was
 * shown. So an answer depends on everything that was asked and on nothing else, and words stand for tokens.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Answer } from '../../protocol/messages.ts';
import type { ChatPart } from '../chat-params.ts';
import { messagesSchema, partsOf, stopsSchema } from '../chat-params.ts';
import { faultSchema } from './fake-faults.ts';

export const chatParamsSchema = z.strictObject({
  messages: messagesSchema,
  max_tokens: z.int().min(1).max(1000).default(64),
  stop: stopsSchema,
  /** Milliseconds of one word alone. */
  step_ms: z.number().min(0).max(60_000).default(5),
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  fault: faultSchema,
});

export interface FakeAnswer {
  /** At least one; only the first may be empty. */
  readonly pieces: readonly string[];
  /** What progress counts towards. */
  readonly stepsMax: number;
  readonly told: Answer;
}

/** The last message is repeated; earlier ones are read and counted. */
export function answerTo({ messages, max_tokens, stop }: z.infer<typeof chatParamsSchema>): FakeAnswer {
  const read = messages.map((message) => partsOf(message).map(spoken).join(' '));
  const whole = `You said: ${read.at(-1)}`;
  const stops = stop.map((each) => whole.indexOf(each));
  const end = Math.min(...stops.filter((place) => place >= 0), whole.length);
  const words = wordsOf(whole.slice(0, end));
  const pieces = words.slice(0, max_tokens);
  const promptTokens = read.reduce((sum, text) => sum + wordsOf(text).length, 0);
  return {
    pieces: pieces.length === 0 ? [''] : pieces,
    stepsMax: max_tokens,
    told: {
      finishReason: pieces.length < words.length ? 'length' : 'stop',
      promptTokens,
      completionTokens: Math.max(1, pieces.length),
    },
  };
}

function spoken(part: ChatPart): string {
  if (part.type === 'text') return part.text;
  return `[picture ${createHash('sha256').update(part.image_url.url).digest('hex').slice(0, 12)}]`;
}

/** With the space that follows each. */
function wordsOf(text: string): string[] {
  return text.match(/\S+\s*/g) ?? [];
}
