/** Requests as fal takes them: the body is the input, everything else is in the address and in headers. */
import * as z from 'zod';
import { idempotencyKeySchema } from '../../api/idempotency-key.ts';
import { addressSchema } from '../../api/webhook-resource.ts';
import type { Manifest } from '../../models/manifest.ts';
import { endEvents } from '../../webhook/event.ts';
import type { Parameters } from '../openai/parameters.ts';
import { askedInput } from '../prompt-input.ts';
import { isStartBound } from '../start-bound.ts';
import type { DialectSubmission } from '../submission.ts';

export const inputSchema = z.record(z.string(), z.json()).meta({
  id: 'FalInput',
  description:
    "The model's input, checked against its schema; a chat also takes `prompt`, `system_prompt`, `image`",
});

export const submitQuerySchema = z.strictObject({
  fal_webhook: addressSchema.optional().meta({
    description: 'Be told of the end: https, at a public address',
    examples: ['https://hooks.example/fal'],
  }),
});

export const requestHeadersSchema = z.object({
  'idempotency-key': idempotencyKeySchema('the first one'),
  'x-fal-request-timeout': z
    .string()
    .regex(/^\d{1,6}(?:\.\d{1,9})?$/, { error: 'must be a number of seconds', abort: true })
    .refine((text) => isStartBound(wholeSecondsOf(text)), 'must be from 1 second to 7 days')
    .optional()
    .meta({ description: 'Seconds within which the request must have started' }),
});

/** Of a request to the queue. */
export const submitHeadersSchema = requestHeadersSchema.extend({
  'x-fal-queue-priority': z.enum(['normal', 'low']).optional().meta({
    description: '`low`: the class `batch`; `normal`: what the plan says',
  }),
});

export type QueuePriority = z.infer<typeof submitHeadersSchema>['x-fal-queue-priority'];

/** Of `X-Fal-Request-Timeout`, to the second above. */
export function wholeSecondsOf(text: string): number {
  return Math.ceil(Number(text));
}

export interface FalAsk {
  readonly input: Parameters;
  /** A model id or an alias. */
  readonly model: string;
  /** Of the model, where it is known; an alias is left to the schema of what it stands for. */
  readonly task: Manifest['task'] | null;
  readonly stream: boolean;
  readonly deadlineSeconds: number | null;
  readonly priority: QueuePriority;
  /** Null: nowhere. */
  readonly webhook: string | null;
  /** Where this API is, for links in messages. */
  readonly apiUrl: string;
}

export function toSubmission(ask: FalAsk): DialectSubmission {
  const { model, task, stream, deadlineSeconds, priority, webhook, apiUrl } = ask;
  const asked = askedInput(ask.input, task);
  const form = { dialect: 'fal', apiUrl } as const;
  return {
    kind: 'submission',
    model,
    quality: null,
    input: asked.input,
    metadata: {},
    stream,
    includeUsage: false,
    class: priority === 'low' ? 'batch' : null,
    webhook: webhook === null ? null : { url: webhook, events: [...endEvents], form },
    ...(deadlineSeconds === null ? {} : { deadlineSeconds }),
    paramOf: (path) => (path === 'webhook.url' ? 'fal_webhook' : asked.paramOf(path).replace(/^input\./, '')),
  };
}
