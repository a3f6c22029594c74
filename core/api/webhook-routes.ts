/** The routes of a tenant's webhooks. */
import * as z from 'zod';
import type { Route } from './route.ts';
import { listOf, rotationRequestSchema } from './tenancy-resource.ts';
import {
  deletedWebhookSchema,
  deliverySchema,
  newWebhookSchema,
  webhookRequestSchema,
  webhookSchema,
} from './webhook-resource.ts';

const reading = ['invalid_api_key', 'missing_scope', 'tenant_suspended', 'invalid_request'] as const;
const writing = [...reading, 'invalid_json', 'payload_too_large', 'unsupported_media_type'] as const;

// Not the exact form of an id: a malformed id must answer as a missing object does.
const idSchema = z.object({ id: z.string() });
const deliveryOfSchema = z.object({ id: z.string(), delivery: z.string() });
const pageQuerySchema = z.strictObject({
  cursor: z.string().max(2048).optional().meta({ description: '`next_cursor` of the page before' }),
});

const shared = { tag: 'webhooks', scope: 'webhooks:write' } as const;

export const webhookRoutes = {
  createWebhook: {
    ...shared,
    id: 'createWebhook',
    method: 'POST',
    path: '/v1/webhooks',
    summary: 'Be told of jobs at an address of yours',
    body: webhookRequestSchema,
    answers: { 201: { description: 'Created; the secret is shown this once', schema: newWebhookSchema } },
    errors: [...writing, 'conflict'],
  },
  listWebhooks: {
    ...shared,
    id: 'listWebhooks',
    method: 'GET',
    path: '/v1/webhooks',
    summary: 'List webhooks',
    answers: { 200: { description: 'Every webhook of the tenant', schema: listOf(webhookSchema) } },
    errors: [...reading],
  },
  getWebhook: {
    ...shared,
    id: 'getWebhook',
    method: 'GET',
    path: '/v1/webhooks/{id}',
    summary: 'Read a webhook; `default` stands for the addresses that single jobs name',
    params: idSchema,
    answers: { 200: { description: 'The webhook', schema: webhookSchema } },
    errors: [...reading, 'not_found'],
  },
  deleteWebhook: {
    ...shared,
    id: 'deleteWebhook',
    method: 'DELETE',
    path: '/v1/webhooks/{id}',
    summary: 'Delete a webhook; what is on its way to it is given up',
    params: idSchema,
    answers: { 200: { description: 'Deleted', schema: deletedWebhookSchema } },
    errors: [...writing, 'not_found', 'conflict'],
  },
  rotateWebhook: {
    ...shared,
    id: 'rotateWebhook',
    method: 'POST',
    path: '/v1/webhooks/{id}/rotate',
    summary: 'Replace the secret; the old one signs too until the overlap ends',
    params: idSchema,
    body: rotationRequestSchema,
    answers: { 200: { description: 'The new secret, shown this once', schema: newWebhookSchema } },
    errors: [...writing, 'not_found'],
  },
  testWebhook: {
    ...shared,
    id: 'testWebhook',
    method: 'POST',
    path: '/v1/webhooks/{id}/test',
    summary: 'Send a message of the type `endpoint.test`; one that gets through enables a disabled webhook',
    params: idSchema,
    answers: { 202: { description: 'On its way', schema: deliverySchema } },
    errors: [...writing, 'not_found', 'conflict'],
  },
  listDeliveries: {
    ...shared,
    id: 'listDeliveries',
    method: 'GET',
    path: '/v1/webhooks/{id}/deliveries',
    summary: 'List what was sent to a webhook, newest first; kept for seven days',
    params: idSchema,
    query: pageQuerySchema,
    answers: { 200: { description: 'A page of deliveries', schema: listOf(deliverySchema) } },
    errors: [...reading, 'not_found'],
  },
  replayDelivery: {
    ...shared,
    id: 'replayDelivery',
    method: 'POST',
    path: '/v1/webhooks/{id}/deliveries/{delivery}/replay',
    summary: 'Send a message again from the beginning, under the same id',
    params: deliveryOfSchema,
    answers: { 202: { description: 'On its way again', schema: deliverySchema } },
    errors: [...writing, 'not_found', 'conflict'],
  },
} as const satisfies Record<string, Route>;
