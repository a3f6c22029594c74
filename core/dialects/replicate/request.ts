/** Predictions as they are asked for: the request as a submission. */
import * as z from 'zod';
import { idempotencyKeySchema } from '../../api/idempotency-key.ts';
import { addressSchema } from '../../api/webhook-resource.ts';
import type { Manifest } from '../../models/manifest.ts';
import type { JobEvent } from '../../webhook/event.ts';
import { endEvents } from '../../webhook/event.ts';
import { askedInput } from '../prompt-input.ts';
import { isStartBound } from '../start-bound.ts';
import type { DialectSubmission } from '../submission.ts';

export const webhookFilters = ['start', 'output', 'logs', 'completed'] as const;

export type WebhookFilter = (typeof webhookFilters)[number];

const requestFields = {
  input: z.record(z.string(), z.json()).meta({
    description:
      "Checked against the model's input schema; a chat also takes `prompt`, `system_prompt`, `image`",
  }),
  webhook: addressSchema
    .optional()
    .meta({ description: 'Be told of this prediction: https, at a public address' }),
  webhook_events_filter: z.array(z.enum(webhookFilters)).max(webhookFilters.length).optional().meta({
    description: 'Default: `output` and `completed`. Jobs write no logs, so nothing is sent for `logs`',
  }),
  stream: z.boolean().optional().meta({
    description: 'Whether a text can be followed as it is written; default: unless the request waits',
  }),
};

/** Where the path says which model. */
export const modelPredictionRequestSchema = z
  .strictObject(requestFields)
  .meta({ id: 'ReplicateModelPredictionRequest' });

export const predictionRequestSchema = z
  .strictObject({
    version: z.string().min(1).max(256).meta({
      description: 'Id of a version, `pilotlight/<model>`, both as `pilotlight/<model>:<id>`, or a model id',
    }),
    ...requestFields,
  })
  .meta({ id: 'ReplicatePredictionRequest' });

export type PredictionRequest = z.infer<typeof modelPredictionRequestSchema>;

export const predictionHeadersSchema = z.object({
  'idempotency-key': idempotencyKeySchema('the first prediction'),
  prefer: z
    .string()
    .optional()
    .meta({ description: '`wait` or `wait=n`: answer when the prediction has ended' }),
  'cancel-after': z
    .string()
    .regex(/^(?:\d{1,6}|(?=\d)(?:\d{1,3}h)?(?:\d{1,5}m)?(?:\d{1,6}s)?)$/, {
      error: 'must be a duration, such as 90s or 1h30m',
      abort: true,
    })
    .refine((duration) => isStartBound(secondsOf(duration)), 'must be from 1s to 168h')
    .optional()
    .meta({ description: 'Duration such as `90s` or `1h30m` within which the prediction must have started' }),
});

/** Of `Cancel-After`; plain digits are seconds. */
export function secondsOf(duration: string): number {
  const of = (unit: string) => Number(new RegExp(`(\\d+)${unit}`).exec(duration)?.[1] ?? 0);
  return /^\d+$/.test(duration) ? Number(duration) : of('h') * 3600 + of('m') * 60 + of('s');
}

export interface PredictionAsk {
  readonly request: PredictionRequest;
  /** A model id or an alias. */
  readonly model: string;
  /** Of the model, where it is known; an alias is left to the schema of what it stands for. */
  readonly task: Manifest['task'] | null;
  /** The request is answered when the prediction has ended: then nobody follows it. */
  readonly waits: boolean;
  readonly deadlineSeconds: number | null;
  /** Where this API is, for links in messages. */
  readonly apiUrl: string;
}

export function toSubmission(ask: PredictionAsk): DialectSubmission {
  const { request, model, task, waits, deadlineSeconds, apiUrl } = ask;
  const asked = askedInput(request.input, task);
  const events = eventsOf(request.webhook_events_filter ?? ['output', 'completed']);
  const form = { dialect: 'replicate', apiUrl } as const;
  return {
    kind: 'submission',
    model,
    quality: null,
    input: asked.input,
    metadata: {},
    stream: request.stream ?? (task === 'chat' && !waits),
    includeUsage: false,
    webhook:
      request.webhook === undefined || events.length === 0 ? null : { url: request.webhook, events, form },
    ...(deadlineSeconds === null ? {} : { deadlineSeconds }),
    paramOf: (path) => (path === 'webhook.url' ? 'webhook' : asked.paramOf(path)),
  };
}

/** A job tells its output once, as it succeeds; then `output` and `completed` are one message. */
const eventsOfFilter: Readonly<Record<WebhookFilter, readonly JobEvent[]>> = {
  start: ['job.running'],
  output: ['job.succeeded'],
  logs: [],
  completed: endEvents,
};

function eventsOf(filters: readonly WebhookFilter[]): JobEvent[] {
  return [...new Set(filters.flatMap((filter) => eventsOfFilter[filter]))];
}
