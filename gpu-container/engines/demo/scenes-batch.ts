/**
 * Runs a batch of chats: every chat reads its prompt, then all take a token in turn until each has ended. A chat that is done
 * ends at once, and one that is to stop does so before its next token.
 */
import { randomInt } from 'node:crypto';
import * as z from 'zod';
import { messagesSchema, stopsSchema } from '../chat-params.ts';
import type { EngineBatch, ParsedItem, RunContext } from '../engine.ts';
import { EngineFault, parseItems } from '../engine.ts';
import type { DemoModel } from './demo-engine.ts';
import type { ScenesNetwork, ScenesPast } from './scenes-network.ts';
import { emptyPast, openScenesNetwork } from './scenes-network.ts';
import type { ScenesPrompt } from './scenes-prompt.ts';
import { PromptError, readPrompt } from './scenes-prompt.ts';
import { pickToken } from './scenes-sampling.ts';
import { AnswerText } from './scenes-text.ts';
import { markers } from './scenes-tokenizer.ts';
import { seededUniform } from './shapes-noise.ts';

const seedMax = 0xffff_ffff;

const paramsSchema = z.strictObject({
  messages: messagesSchema,
  max_tokens: z.int().min(1).max(128).default(64),
  temperature: z.number().min(0).max(2).default(0),
  top_p: z.number().gt(0).max(1).default(1),
  stop: stopsSchema,
  /** Drawn by lot when left out; the result names it either way. */
  seed: z
    .int()
    .min(0)
    .max(seedMax)
    .default(() => randomInt(seedMax + 1)),
});

type Params = z.infer<typeof paramsSchema>;

interface ChatRun {
  readonly id: string;
  readonly params: Params;
  readonly prompt: ScenesPrompt;
  readonly text: AnswerText;
  readonly nextUniform: () => number;
  past: ScenesPast;
  /** What it reads next: its newest token, once there is one. */
  ids: readonly number[];
  /** Tokens written, the end of the answer included. */
  written: number;
  gpuMs: number;
}

/** Loads the model as `openScenesNetwork` does. */
export async function openScenes(directory: string): Promise<DemoModel> {
  const network = await openScenesNetwork(directory);
  return {
    async run(batch, context) {
      if (batch.adapters.length > 0) throw new EngineFault('ADAPTER_INVALID', 'this model takes no adapters');
      await runChats(network, batch, context);
    },
    close: () => network.close(),
  };
}

async function runChats(network: ScenesNetwork, batch: EngineBatch, context: RunContext): Promise<void> {
  const items = parseItems(paramsSchema, batch, context);
  const started = await Promise.all(items.map((item) => startChat(network, item, context)));
  let going = started.filter((chat) => chat !== null);
  while (going.length > 0) {
    going = going.filter((chat) => !hasStopped(chat, context));
    const scores = await nextScores(network, going);
    const ended = new Set<ChatRun>();
    for (const [index, chat] of going.entries()) {
      if (await hasEnded(network, chat, scores[index] ?? new Float32Array(), context)) ended.add(chat);
    }
    going = going.filter((chat) => !ended.has(chat));
  }
}

/** Null for a chat that the model cannot be given; it has ended, and cost nothing. */
async function startChat(
  network: ScenesNetwork,
  { id, params }: ParsedItem<Params>,
  context: RunContext,
): Promise<ChatRun | null> {
  try {
    const bounds = { ...network, answerTokens: params.max_tokens };
    const prompt = await readPrompt(network.tokenizer, params.messages, bounds);
    const text = new AnswerText(params.stop);
    const nextUniform = seededUniform(params.seed, 'tokens');
    return { id, params, prompt, text, nextUniform, past: emptyPast, ids: prompt.ids, written: 0, gpuMs: 0 };
  } catch (err) {
    if (!(err instanceof PromptError)) throw err;
    context.end(id, { kind: 'failed', code: 'INVALID_INPUT', message: err.message, gpuMs: 0 });
    return null;
  }
}

function hasStopped(chat: ChatRun, context: RunContext): boolean {
  if (!context.isStopped(chat.id)) return false;
  context.end(chat.id, { kind: 'stopped', gpuMs: chat.gpuMs });
  return true;
}

/** Scores of each chat's next token; the time that all took together is shared out evenly. */
async function nextScores(network: ScenesNetwork, chats: readonly ChatRun[]): Promise<Float32Array[]> {
  const startMs = performance.now();
  const scores = await Promise.all(
    chats.map(async (chat) => {
      const { picture } = chat.prompt;
      const vectors = chat.written > 0 || picture === null ? undefined : await network.see(picture);
      const next = await network.read(chat.past, chat.ids, vectors);
      chat.past = next.past;
      return next.scores;
    }),
  );
  const shareMs = (performance.now() - startMs) / chats.length;
  for (const chat of chats) chat.gpuMs += shareMs;
  return scores;
}

/** Takes the next token and tells what it adds; true once the chat has ended. */
async function hasEnded(
  network: ScenesNetwork,
  chat: ChatRun,
  scores: Float32Array,
  context: RunContext,
): Promise<boolean> {
  const { id, params, text, gpuMs } = chat;
  // A word about it may have come while the others told theirs.
  if (hasStopped(chat, context)) return true;
  const { temperature, top_p: topP } = params;
  const token = pickToken(scores, { temperature, topP }, chat.nextUniform);
  if (token === null) {
    context.end(id, { kind: 'failed', code: 'NAN_OUTPUT', message: 'the next token is not finite', gpuMs });
    return true;
  }
  chat.written += 1;
  chat.ids = [token];
  context.progress(id, chat.written, params.max_tokens);
  tell(id, text.add(network.tokenizer.bytesOf(token)), context);
  const isDone = token === markers.end || text.isStopped;
  if (!isDone && chat.written < params.max_tokens) return false;
  await finish(chat, isDone, context);
  return true;
}

async function finish(chat: ChatRun, isDone: boolean, context: RunContext): Promise<void> {
  const { id, params, prompt, text, gpuMs } = chat;
  tell(id, text.rest(), context);
  const body = Buffer.from(text.whole);
  const file = { contentType: 'text/plain; charset=utf-8', extension: 'txt', width: null, height: null };
  await context.write(id, { body, ...file });
  context.end(id, {
    kind: 'succeeded',
    seeds: [params.seed],
    unknownWords: [],
    gpuMs,
    answer: {
      finishReason: isDone || text.isStopped ? 'stop' : 'length',
      promptTokens: prompt.ids.length,
      completionTokens: chat.written,
    },
  });
}

function tell(id: string, text: string, context: RunContext): void {
  if (text !== '') context.delta(id, text);
}
