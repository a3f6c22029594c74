/** The routes of a tenant's adapters. */
import * as z from 'zod';
import {
  adapterRequestSchema,
  adapterSchema,
  deletedAdapterSchema,
  offeredAdapterSchema,
} from './adapter-resource.ts';
import type { Route } from './route.ts';
import { listOf } from './tenancy-resource.ts';

const reading = ['invalid_api_key', 'missing_scope', 'tenant_suspended', 'invalid_request'] as const;
const writing = [...reading, 'invalid_json', 'payload_too_large', 'unsupported_media_type'] as const;

// Not the exact form of an id: a malformed id must answer as a missing object does.
const idSchema = z.object({ id: z.string() });

const shared = { tag: 'adapters', scope: 'adapters:write' } as const;

export const adapterRoutes = {
  createAdapter: {
    ...shared,
    id: 'createAdapter',
    method: 'POST',
    path: '/v1/adapters',
    summary: 'Announce a LoRA and get a link to upload it; the same file again gives the same adapter',
    body: adapterRequestSchema,
    answers: {
      200: { description: 'The tenant has this file for this model already', schema: offeredAdapterSchema },
      201: { description: 'Created; upload the file and complete it', schema: offeredAdapterSchema },
    },
    errors: [...writing, 'model_not_found', 'model_not_granted', 'conflict', 'quota_exceeded'],
  },
  listAdapters: {
    ...shared,
    id: 'listAdapters',
    method: 'GET',
    path: '/v1/adapters',
    summary: 'List adapters, oldest first',
    answers: { 200: { description: 'Every adapter of the tenant', schema: listOf(adapterSchema) } },
    errors: [...reading],
  },
  getAdapter: {
    ...shared,
    id: 'getAdapter',
    method: 'GET',
    path: '/v1/adapters/{id}',
    summary: 'Read an adapter',
    params: idSchema,
    answers: { 200: { description: 'The adapter', schema: adapterSchema } },
    errors: [...reading, 'not_found'],
  },
  completeAdapter: {
    ...shared,
    id: 'completeAdapter',
    method: 'POST',
    path: '/v1/adapters/{id}/complete',
    summary: 'Have the uploaded file checked; jobs may name the adapter from then on',
    params: idSchema,
    answers: { 200: { description: 'Checked and ready', schema: adapterSchema } },
    errors: [...writing, 'invalid_adapter', 'not_found', 'conflict'],
  },
  deleteAdapter: {
    ...shared,
    id: 'deleteAdapter',
    method: 'DELETE',
    path: '/v1/adapters/{id}',
    summary: 'Delete an adapter and its file; jobs that wait for it fail, uncharged',
    params: idSchema,
    answers: { 200: { description: 'Deleted', schema: deletedAdapterSchema } },
    errors: [...writing, 'not_found'],
  },
} as const satisfies Record<string, Route>;
