/** `POST /v1/chat/completions`: the request as a submission, the job as an answer, in one piece and in many. */
import * as z from 'zod';
import { metadataSchema } from '../../api/job-resource.ts';
import { faultsOf } from '../../faults.ts';
import type { JobRecord } from '../../job/job.ts';
import { finishReasons } from '../../job/job.ts';
import type { Translated } from '../submission.ts';
import { paramNamed } from '../submission.ts';
import { chatMessages } from './chat-messages.ts';
import type { Parameters, Rule } from './parameters.ts';
import { commonRules, sortParameters } from './parameters.ts';

const tokensSchema = z.int().min(1).nullish();

/** What is read here of a request that writes text. The rest goes to the model as it is. */
export const textRequestFields = {
  model: z.string().min(1).max(128).meta({ description: 'Model id from /v1/models, or an alias' }),
  max_tokens: tokensSchema.meta({ description: 'Most tokens of the answer; they are set aside in full' }),
  stop: z
    .union([z.string(), z.array(z.string())])
    .nullish()
    .meta({ description: 'The answer ends before the first of these' }),
  stream: z.boolean().nullish().meta({ description: 'Answer with server-sent events as it is written' }),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() })
    .nullish()
    .meta({ description: 'With `stream` alone' }),
  metadata: metadataSchema.nullish(),
};

/** Of a message its own model says what it may hold. */
const messageSchema = z.looseObject({ role: z.string() });

export const chatRequestSchema = z
  .looseObject({
    ...textRequestFields,
    messages: z.array(messageSchema).min(1),
    max_completion_tokens: tokensSchema.meta({ description: 'The newer name of max_tokens' }),
  })
  .meta({
    id: 'ChatCompletionRequest',
    description:
      "As OpenAI has it. Parameters that the model's input schema names go to it; others are refused by name, but for those that OpenAI itself ignores",
  });

const countSchema = z.int().nonnegative();

export const tokenUsageSchema = z.strictObject({
  prompt_tokens: countSchema,
  completion_tokens: countSchema,
  total_tokens: countSchema,
});

export const chatCompletionSchema = z
  .strictObject({
    id: z.string().meta({ description: "The job's id, with `chatcmpl-` for `job_`" }),
    object: z.literal('chat.completion'),
    created: countSchema,
    model: z.string(),
    choices: z.array(
      z.strictObject({
        index: countSchema,
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string(),
          refusal: z.null(),
        }),
        logprobs: z.null(),
        finish_reason: z.enum(finishReasons),
      }),
    ),
    usage: tokenUsageSchema,
  })
  .meta({ id: 'ChatCompletion' });

export type ChatCompletion = z.infer<typeof chatCompletionSchema>;

/** What asks for nothing of a chat; any other value is refused by its name. */
export const textRules: Readonly<Record<string, Rule>> = {
  ...commonRules,
  n: [1],
  frequency_penalty: [0],
  presence_penalty: [0],
  logit_bias: [{}],
};

const chatRules: Readonly<Record<string, Rule>> = {
  ...textRules,
  audio: [],
  function_call: ['none', 'auto'],
  functions: [[]],
  logprobs: [false],
  modalities: [['text']],
  parallel_tool_calls: [true, false],
  prediction: [],
  reasoning_effort: [],
  response_format: [{ type: 'text' }],
  tool_choice: ['none', 'auto'],
  tools: [[]],
  top_logprobs: [0],
  verbosity: ['medium'],
  web_search_options: [],
};

/** The names of the request that are not the model's. */
type Own = 'model' | 'stream' | 'stream_options' | 'metadata';

/** Also of the body of a batch line. Reads nothing but the body. */
export function toSubmission(body: unknown): Translated {
  const parsed = chatRequestSchema.safeParse(body);
  if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error) };
  const { max_tokens, max_completion_tokens: newer, messages, ...others } = parsed.data;
  if (newer != null && max_tokens != null && newer !== max_tokens) {
    const message = 'must be what max_completion_tokens is, where both are given';
    return { kind: 'invalid', details: [{ path: 'max_tokens', message }] };
  }
  // Parsed from JSON, so whatever a loose object holds is JSON.
  const asked = { ...others, messages: chatMessages(messages as Parameters[string]) } as Parameters &
    typeof others;
  return textSubmission(asked, newer ?? max_tokens ?? null, chatRules, {
    ...(newer == null ? {} : { max_tokens: 'max_completion_tokens' }),
    // What is said of all that a chat says is said of its prompt.
    ...('prompt' in asked ? {} : { prompt: 'messages' }),
  });
}

/** What requests that write text have in common. `names`: fields of the input that the request calls otherwise. */
export function textSubmission(
  asked: Parameters & { readonly model: string },
  maxTokens: number | null,
  rules: Readonly<Record<string, Rule>>,
  names: Readonly<Record<string, string>>,
): Translated {
  const { rest, details } = sortParameters(asked, rules);
  const { model, stream, stream_options, metadata, ...input }: Record<Own, unknown> & Parameters = {
    stream: false,
    stream_options: null,
    metadata: {},
    ...rest,
    model: asked.model,
  };
  const isStream = stream === true;
  const faults =
    isStream || stream_options === null ? [] : [{ path: 'stream_options', message: 'goes with stream' }];
  if (details.length + faults.length > 0) return { kind: 'invalid', details: [...details, ...faults] };
  return {
    kind: 'submission',
    model: asked.model,
    quality: null,
    input: {
      ...withoutEmptyStop(input),
      ...(maxTokens === null ? {} : { max_tokens: maxTokens }),
    },
    metadata: metadataSchema.parse(metadata),
    stream: isStream,
    includeUsage: isStream && textRequestFields.stream_options.parse(stream_options)?.include_usage === true,
    paramOf: paramNamed(names),
  };
}

/** An empty list asks for nothing. */
function withoutEmptyStop({ stop, ...input }: Parameters): Parameters {
  return stop === undefined || (Array.isArray(stop) && stop.length === 0) ? input : { ...input, stop };
}

/** @param text what the job wrote, which its record may not hold */
export function toAnswer(job: JobRecord, text: string): ChatCompletion {
  const message = { role: 'assistant', content: text, refusal: null } as const;
  return {
    ...chatHead(job),
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: finishReasonOf(job) }],
    usage: tokenUsage(job),
  };
}

export interface ChunkPart {
  /** Empty in the chunk that says how the text ended. */
  readonly delta: { readonly role?: 'assistant'; readonly content?: string };
  readonly finishReason?: JobRecord['outputs'][number]['finishReason'];
}

/** One event of a stream. Where usage is asked for, all chunks but the last have `usage: null`, as in the original. */
export function toChunk(job: JobRecord, { delta, finishReason }: ChunkPart, includeUsage: boolean) {
  return {
    ...chatHead(job),
    object: 'chat.completion.chunk' as const,
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason ?? null }],
    ...(includeUsage ? { usage: null } : {}),
  };
}

export function toUsageChunk(job: JobRecord) {
  return { ...chatHead(job), object: 'chat.completion.chunk' as const, choices: [], usage: tokenUsage(job) };
}

function chatHead(job: JobRecord) {
  return {
    id: job.jobId.replace(/^job_/, 'chatcmpl-'),
    created: Math.floor(job.createdAtMs / 1000),
    model: job.model,
  };
}

export function finishReasonOf(job: JobRecord): (typeof finishReasons)[number] {
  return job.outputs[0]?.finishReason ?? 'stop';
}

/** Of a job that ended: tokens as the model's own tokenizer counts them. */
export function tokenUsage({ usage }: JobRecord): z.infer<typeof tokenUsageSchema> {
  const [prompt_tokens, completion_tokens] = [usage?.inputTokens ?? 0, usage?.outputTokens ?? 0];
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}
