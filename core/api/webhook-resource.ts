/** Webhooks as they travel. A secret is part of an answer once: when it is made. */
import * as z from 'zod';
import { egressLimits } from '../limits.ts';
import type { DeliveryRecord } from '../webhook/delivery.ts';
import { deliveryStatuses, giveUpReasons } from '../webhook/delivery.ts';
import type { EndpointRecord } from '../webhook/endpoint.ts';
import { disabledReasons } from '../webhook/endpoint.ts';
import { endEvents, jobEvents, subscribableEvents, webhookEvents } from '../webhook/event.ts';

const timeSchema = z.iso.datetime();
const countSchema = z.int().nonnegative();

/** Whether it may be reached is the guard's to say, as it is sent to. */
export const addressSchema = z.string().min(1).max(egressLimits.urlCharactersMax);

const urlSchema = addressSchema.meta({
  description: 'https, at a public address; checked again whenever a message is sent',
});

/** Where to, and of what: of a single job. */
export const webhookTargetSchema = z.strictObject({
  url: urlSchema,
  events: z
    .array(z.enum(jobEvents))
    .min(1)
    .max(jobEvents.length)
    .default([...endEvents])
    .meta({ description: 'Default: the four ends of a job' }),
});

export const webhookRequestSchema = z
  .strictObject({
    url: urlSchema,
    events: z
      .array(z.enum(subscribableEvents))
      .min(1)
      .max(subscribableEvents.length)
      .default([...endEvents])
      .meta({ description: 'Default: the four ends of a job' }),
  })
  .meta({ id: 'WebhookRequest' });

export const webhookSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('webhook'),
    url: z
      .string()
      .nullable()
      .meta({ description: 'Null for `default`, which stands for the addresses that single jobs name' }),
    events: z.array(z.enum(subscribableEvents)),
    status: z.enum(['active', 'disabled']),
    disabled: z
      .strictObject({ reason: z.enum(disabledReasons), at: timeSchema })
      .nullable()
      .meta({
        description:
          'gone: the receiver answered 410. failing: nothing got through for five days. A test that gets through ends it.',
      }),
    failing_since: timeSchema.nullable().meta({ description: 'Null after a message that got through' }),
    signing: z
      .array(
        z.strictObject({
          public_key: z.string().meta({ description: 'Ed25519, for signatures that begin with `v1a`' }),
          ends_at: timeSchema.nullable(),
        }),
      )
      .meta({ description: 'The secrets in force, newest first, by their public halves' }),
    created_at: timeSchema.nullable().meta({ description: 'Null for `default`' }),
  })
  .meta({ id: 'Webhook' });

export const newWebhookSchema = z
  .strictObject({
    ...webhookSchema.shape,
    secret: z
      .string()
      .meta({ description: 'For signatures that begin with `v1`: shown now and never again' }),
  })
  .meta({ id: 'NewWebhook' });

export const deletedWebhookSchema = z.strictObject({
  id: z.string(),
  object: z.literal('webhook'),
  deleted: z.literal(true),
});

export const deliverySchema = z
  .strictObject({
    id: z.string().meta({ description: 'The `webhook-id` of the message: the same on every try and replay' }),
    object: z.literal('webhook_delivery'),
    webhook: z.string(),
    event: z.enum(webhookEvents),
    job: z.string().nullable().meta({ description: 'Null for a test, and for the end of a batch' }),
    batch: z.string().nullable(),
    url: z.string().nullable().meta({ description: 'Where the job named the address itself' }),
    status: z.enum(deliveryStatuses),
    reason: z.enum(giveUpReasons).nullable().meta({ description: 'Why nobody tries any more' }),
    tries: z
      .array(
        z.strictObject({
          at: timeSchema,
          duration_ms: countSchema,
          status: z
            .int()
            .nullable()
            .meta({ description: 'What the receiver answered; null when it did not' }),
          error: z
            .string()
            .nullable()
            .meta({ description: 'dns, connect, tls, timeout, reset, protocol, or the rule of a refusal' }),
        }),
      )
      .meta({ description: 'The last ones, oldest first' }),
    next_try_at: timeSchema.nullable(),
    created_at: timeSchema.meta({ description: 'When the event happened' }),
  })
  .meta({ id: 'WebhookDelivery' });

export type WebhookResource = z.infer<typeof webhookSchema>;
export type DeliveryResource = z.infer<typeof deliverySchema>;

/** `publicKeys` of the secrets in force at `nowMs`, newest first. */
export function presentEndpoint(
  endpoint: EndpointRecord,
  { publicKeys, nowMs }: { readonly publicKeys: readonly string[]; readonly nowMs: number },
): WebhookResource {
  const { endpointId, url, events, disabled, failingSinceMs, secrets, createdAtMs } = endpoint;
  const ends = secrets
    .filter(({ untilMs }) => untilMs === null || untilMs > nowMs)
    .map(({ untilMs }) => timeOf(untilMs))
    .reverse();
  return {
    id: endpointId,
    object: 'webhook',
    url,
    events,
    status: disabled === null ? 'active' : 'disabled',
    disabled: disabled && { reason: disabled.reason, at: new Date(disabled.atMs).toISOString() },
    failing_since: timeOf(failingSinceMs),
    signing: publicKeys.map((key, index) => ({ public_key: key, ends_at: ends[index] ?? null })),
    created_at: url === null ? null : timeOf(createdAtMs),
  };
}

export function presentDelivery(delivery: DeliveryRecord): DeliveryResource {
  return {
    id: delivery.deliveryId,
    object: 'webhook_delivery',
    webhook: delivery.endpointId,
    event: delivery.event,
    job: delivery.jobId,
    batch: delivery.batchId,
    url: delivery.url,
    status: delivery.status,
    reason: delivery.reason,
    tries: delivery.tries.map(({ atMs, durationMs, status, error }) => ({
      at: new Date(atMs).toISOString(),
      duration_ms: durationMs,
      status,
      error,
    })),
    next_try_at: timeOf(delivery.nextAtMs),
    created_at: new Date(delivery.eventAtMs).toISOString(),
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
