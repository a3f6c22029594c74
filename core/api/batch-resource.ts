/** Batches as they travel, in the shapes of OpenAI's Batch API: times are seconds since 1970. */
import * as z from 'zod';
import type { BatchRecord } from '../batch/batch.ts';
import { batchStatuses, traceparentOfBatch } from '../batch/batch.ts';
import { lineRoutes } from '../batch/line-route.ts';
import { apiLimits, batchRunLimits } from '../limits.ts';
import { traceIdOf } from '../observability/trace.ts';
import { afterSchema, secondsOf } from './file-resource.ts';
import { wholeNumber } from './job-query.ts';
import { metadataSchema } from './job-resource.ts';

const countSchema = z.int().nonnegative();
const timeSchema = countSchema.nullable();

const urls = Object.keys(lineRoutes) as [string, ...string[]];

export const batchRequestSchema = z
  .strictObject({
    input_file_id: z.string().meta({ description: 'A file of the purpose `batch`' }),
    endpoint: z.enum(urls).meta({ description: 'The `url` of every line' }),
    completion_window: z.literal('24h'),
    metadata: metadataSchema.nullish(),
  })
  .meta({ id: 'BatchRequest' });

export const batchSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    errors: z
      .strictObject({
        object: z.literal('list'),
        data: z.array(
          z.strictObject({
            code: z.string(),
            message: z.string(),
            line: countSchema.nullable(),
            param: z.string().nullable(),
          }),
        ),
      })
      .nullable()
      .meta({
        description: `Faults of the file, and the first ${batchRunLimits.errorsShownMax} of its lines; the error file has all`,
      }),
    input_file_id: z.string(),
    completion_window: z.literal('24h'),
    status: z.enum(batchStatuses),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: countSchema,
    in_progress_at: timeSchema,
    expires_at: countSchema,
    finalizing_at: timeSchema,
    completed_at: timeSchema,
    failed_at: timeSchema,
    expired_at: timeSchema,
    cancelling_at: timeSchema,
    cancelled_at: timeSchema,
    request_counts: z.strictObject({ total: countSchema, completed: countSchema, failed: countSchema }),
    estimate: z
      .strictObject({ usd_micros: countSchema, gpu_ms: countSchema })
      .nullable()
      .meta({ description: 'What its lines are expected to take, told before the first one runs' }),
    metadata: z.record(z.string(), z.string()),
    trace_id: z.string().meta({ description: 'The trace (W3C) that log lines about its jobs are found by' }),
  })
  .meta({ id: 'Batch' });

export const batchListQuerySchema = z.strictObject({
  after: afterSchema,
  limit: wholeNumber(1, apiLimits.pageMax).default(apiLimits.pageDefault),
});

export type BatchResource = z.infer<typeof batchSchema>;

export function presentBatch(batch: BatchRecord): BatchResource {
  const { status, endedAtMs, errors, estimate } = batch;
  const endedAs = (end: BatchRecord['status']) => (status === end ? timeOf(endedAtMs) : null);
  return {
    id: batch.batchId,
    object: 'batch',
    endpoint: batch.endpoint,
    errors: errors.length === 0 ? null : { object: 'list', data: [...errors] },
    input_file_id: batch.inputFileId,
    completion_window: '24h',
    status,
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: secondsOf(batch.createdAtMs),
    in_progress_at: timeOf(batch.startedAtMs),
    expires_at: secondsOf(batch.expiresAtMs),
    finalizing_at: timeOf(batch.finalizingAtMs),
    completed_at: endedAs('completed'),
    failed_at: endedAs('failed'),
    expired_at: endedAs('expired'),
    cancelling_at: timeOf(batch.cancelingAtMs),
    cancelled_at: endedAs('cancelled'),
    request_counts: { total: batch.total, completed: batch.outputs.lines, failed: batch.faults.lines },
    estimate: estimate && { usd_micros: estimate.usdMicros, gpu_ms: estimate.gpuMs },
    metadata: batch.metadata,
    trace_id: traceIdOf(traceparentOfBatch(batch)) ?? '',
  };
}

function timeOf(atMs: number | null): number | null {
  return atMs === null ? null : secondsOf(atMs);
}
