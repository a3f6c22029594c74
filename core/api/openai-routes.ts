/** The routes that speak OpenAI's dialect beside the native ones; the list of models serves both. */
import * as z from 'zod';
import { chatCompletionSchema, chatRequestSchema } from '../dialects/openai/chat.ts';
import { completionRequestSchema, completionSchema } from '../dialects/openai/completions.ts';
import { imageRequestSchema, imagesSchema } from '../dialects/openai/images.ts';
import { idempotencyKeySchema } from './idempotency-key.ts';
import type { Route } from './route.ts';
import { jobAnswerHeaders, limitAnswerHeaders, submissionErrors } from './submission-answers.ts';

const headersSchema = z.object({
  'idempotency-key': idempotencyKeySchema('the answer of the first job'),
});

const shared = { method: 'POST', tag: 'openai', scope: 'jobs:write', headers: headersSchema } as const;
const answerHeaders = { ...jobAnswerHeaders, ...limitAnswerHeaders };
const errors = [...submissionErrors, 'job_failed'] as const;
const chunks = 'Chunks as OpenAI has them, each as `data`, and `[DONE]` at last; `: ping` every 15 s';

export const openaiRoutes = {
  createChatCompletion: {
    ...shared,
    id: 'createChatCompletion',
    path: '/v1/chat/completions',
    summary: 'Answer a chat, in one piece or as it is written',
    body: chatRequestSchema,
    answers: {
      200: {
        description: 'The answer',
        schema: chatCompletionSchema,
        events: chunks,
        headers: answerHeaders,
      },
    },
    errors,
  },
  createCompletion: {
    ...shared,
    id: 'createCompletion',
    path: '/v1/completions',
    summary: 'Go on from a prompt, in one piece or as it is written',
    body: completionRequestSchema,
    answers: {
      200: { description: 'The answer', schema: completionSchema, events: chunks, headers: answerHeaders },
    },
    errors,
  },
  createImage: {
    ...shared,
    id: 'createImage',
    path: '/v1/images/generations',
    summary: 'Draw pictures, and show how they come about',
    body: imageRequestSchema,
    waits: true,
    answers: {
      200: {
        description: 'The pictures',
        schema: imagesSchema,
        events:
          'With `stream`: `image_generation.partial_image`, `partial_images` times at most, then `image_generation.completed` for each picture; an event with `error` in between where it fails',
        headers: answerHeaders,
      },
    },
    errors,
  },
} as const satisfies Record<string, Route>;
