/** The routes of files and batches, in the shapes of OpenAI's. */
import * as z from 'zod';
import { fileLimits } from '../limits.ts';
import { batchListQuerySchema, batchRequestSchema, batchSchema } from './batch-resource.ts';
import {
  deletedFileSchema,
  fileFormSchema,
  fileListQuerySchema,
  fileRequestSchema,
  fileSchema,
  offeredFileSchema,
  openAiListOf,
} from './file-resource.ts';
import { idempotencyKeySchema } from './idempotency-key.ts';
import type { Route } from './route.ts';
import { limitAnswerHeaders } from './submission-answers.ts';

const reading = ['invalid_api_key', 'missing_scope', 'tenant_suspended', 'invalid_request'] as const;
const writing = [...reading, 'invalid_json', 'payload_too_large', 'unsupported_media_type'] as const;

// Not the exact form of an id: a malformed id must answer as a missing object does.
const idSchema = z.object({ id: z.string() });

const ofFiles = { tag: 'files', scope: 'files:write' } as const;

export const batchRoutes = {
  createFile: {
    ...ofFiles,
    id: 'createFile',
    method: 'POST',
    path: '/v1/files',
    summary: 'Upload a file of lines, or announce a large one and get a link to upload it',
    body: fileRequestSchema,
    form: fileFormSchema,
    formBytesMax: fileLimits.inlineBytesMax,
    answers: { 200: { description: 'The file', schema: offeredFileSchema } },
    errors: [...writing, 'quota_exceeded'],
  },
  listFiles: {
    ...ofFiles,
    id: 'listFiles',
    method: 'GET',
    path: '/v1/files',
    summary: 'List files, newest first',
    query: fileListQuerySchema,
    answers: { 200: { description: 'A page of files', schema: openAiListOf(fileSchema) } },
    errors: [...reading],
  },
  getFile: {
    ...ofFiles,
    id: 'getFile',
    method: 'GET',
    path: '/v1/files/{id}',
    summary: 'Read what is known of a file',
    params: idSchema,
    answers: { 200: { description: 'The file', schema: fileSchema } },
    errors: [...reading, 'not_found'],
  },
  getFileContent: {
    ...ofFiles,
    id: 'getFileContent',
    method: 'GET',
    path: '/v1/files/{id}/content',
    summary: 'Redirect to the bytes of a file',
    params: idSchema,
    answers: {
      302: {
        description: 'Follow it to the bytes',
        headers: { location: 'A link that works for 15 minutes' },
      },
    },
    errors: [...reading, 'not_found'],
  },
  deleteFile: {
    ...ofFiles,
    id: 'deleteFile',
    method: 'DELETE',
    path: '/v1/files/{id}',
    summary: 'Delete a file; a batch that reads it fails the lines that it has not read',
    params: idSchema,
    answers: { 200: { description: 'Deleted', schema: deletedFileSchema } },
    errors: [...writing, 'not_found'],
  },
  createBatch: {
    tag: 'batches',
    scope: 'jobs:write',
    id: 'createBatch',
    method: 'POST',
    path: '/v1/batches',
    summary: 'Run every line of a file as a job of the class batch',
    headers: z.object({
      'idempotency-key': idempotencyKeySchema('the first batch'),
    }),
    body: batchRequestSchema,
    answers: {
      200: {
        description: 'The batch; its file is read next',
        schema: batchSchema,
        headers: { 'idempotency-replayed': limitAnswerHeaders['idempotency-replayed'] },
      },
    },
    errors: [...writing, 'not_found', 'idempotency_mismatch', 'concurrency_limit'],
  },
  listBatches: {
    tag: 'batches',
    scope: 'jobs:read',
    id: 'listBatches',
    method: 'GET',
    path: '/v1/batches',
    summary: 'List batches, newest first',
    query: batchListQuerySchema,
    answers: { 200: { description: 'A page of batches', schema: openAiListOf(batchSchema) } },
    errors: [...reading],
  },
  getBatch: {
    tag: 'batches',
    scope: 'jobs:read',
    id: 'getBatch',
    method: 'GET',
    path: '/v1/batches/{id}',
    summary: 'Read a batch and how far it came',
    params: idSchema,
    answers: { 200: { description: 'The batch', schema: batchSchema } },
    errors: [...reading, 'not_found'],
  },
  cancelBatch: {
    tag: 'batches',
    scope: 'jobs:write',
    id: 'cancelBatch',
    method: 'POST',
    path: '/v1/batches/{id}/cancel',
    summary: 'Cancel a batch; lines that have ended keep their results',
    isIdempotent: true,
    params: idSchema,
    answers: { 200: { description: 'The batch: cancelled, or about to be', schema: batchSchema } },
    errors: [...writing, 'not_found', 'conflict'],
  },
} as const satisfies Record<string, Route>;
