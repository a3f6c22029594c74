/**
 * `POST /v1/completions`: a prompt is a chat of one message of the user. Guides to servers of one's own also show this path
 * with `messages`; those are taken as they are.
 */
import * as z from 'zod';
import { faultsOf } from '../../faults.ts';
import type { JobRecord } from '../../job/job.ts';
import { finishReasons } from '../../job/job.ts';
import type { Translated } from '../submission.ts';
import {
  finishReasonOf,
  textRequestFields,
  textRules,
  textSubmission,
  tokenUsage,
  tokenUsageSchema,
} from './chat.ts';
import { chatMessages } from './chat-messages.ts';
import type { Json, Parameters, Rule } from './parameters.ts';

/** The original's own. */
const maxTokensDefault = 16;

export const completionRequestSchema = z
  .looseObject({
    ...textRequestFields,
    prompt: z
      .union([z.string(), z.array(z.string()).length(1)])
      .optional()
      .meta({ description: 'One text; token ids and several prompts are not supported' }),
    messages: z
      .array(z.looseObject({ role: z.string() }))
      .min(1)
      .optional()
      .meta({ description: 'In place of `prompt`: as in a chat' }),
  })
  .meta({ id: 'CompletionRequest', description: 'As OpenAI has it; see ChatCompletionRequest' });

const countSchema = z.int().nonnegative();

export const completionSchema = z
  .strictObject({
    id: z.string().meta({ description: "The job's id, with `cmpl-` for `job_`" }),
    object: z.literal('text_completion'),
    created: countSchema,
    model: z.string(),
    choices: z.array(
      z.strictObject({
        index: countSchema,
        text: z.string(),
        logprobs: z.null(),
        finish_reason: z.enum(finishReasons),
      }),
    ),
    usage: tokenUsageSchema,
  })
  .meta({ id: 'Completion' });

export type Completion = z.infer<typeof completionSchema>;

const rules: Readonly<Record<string, Rule>> = {
  ...textRules,
  best_of: [1],
  echo: [false],
  logprobs: [],
  suffix: [],
};

/** Also of the body of a batch line. Reads nothing but the body. */
export function toSubmission(body: unknown): Translated {
  const parsed = completionRequestSchema.safeParse(body);
  if (!parsed.success) return { kind: 'invalid', details: faultsOf(parsed.error) };
  const { prompt, messages, max_tokens, ...others } = parsed.data;
  if ((prompt === undefined) === (messages === undefined)) {
    const message = prompt === undefined ? 'is required' : 'goes without messages';
    return { kind: 'invalid', details: [{ path: 'prompt', message }] };
  }
  const [text] = [prompt].flat();
  const said: Json =
    text === undefined ? chatMessages((messages ?? []) as Json) : [{ role: 'user', content: text }];
  // Parsed from JSON, so whatever a loose object holds is JSON.
  const asked = { ...others, messages: said } as Parameters & typeof others;
  const translated = textSubmission(asked, max_tokens ?? maxTokensDefault, rules, {});
  if (translated.kind === 'invalid' || text === undefined) return translated;
  const paramOf = (path: string) => (path.startsWith('input.messages') ? 'prompt' : translated.paramOf(path));
  return { ...translated, paramOf };
}

export function toAnswer(job: JobRecord, text: string): Completion {
  return {
    ...headOf(job),
    choices: [{ index: 0, text, logprobs: null, finish_reason: finishReasonOf(job) }],
    usage: tokenUsage(job),
  };
}

export function toChunk(
  job: JobRecord,
  part: { readonly text: string; readonly finishReason?: JobRecord['outputs'][number]['finishReason'] },
  includeUsage: boolean,
) {
  const { text, finishReason = null } = part;
  return {
    ...headOf(job),
    choices: [{ index: 0, text, logprobs: null, finish_reason: finishReason }],
    ...(includeUsage ? { usage: null } : {}),
  };
}

export function toUsageChunk(job: JobRecord) {
  return { ...headOf(job), choices: [], usage: tokenUsage(job) };
}

function headOf(job: JobRecord) {
  return {
    id: job.jobId.replace(/^job_/, 'cmpl-'),
    object: 'text_completion' as const,
    created: Math.floor(job.createdAtMs / 1000),
    model: job.model,
  };
}
