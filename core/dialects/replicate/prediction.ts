/** A job as a prediction. Its record is kept as long as any job's: nothing is gone an hour after it ended. */
import * as z from 'zod';
import { presentJob } from '../../api/job-resource.ts';
import type { JobRecord } from '../../job/job.ts';
import { isTerminal } from '../../job/job.ts';
import type { ToldOutput } from '../outputs.ts';
import { owner } from '../owner.ts';
import { progressLine } from '../progress-line.ts';
import { versionIdOf } from './names.ts';

export const predictionStatuses = ['starting', 'processing', 'succeeded', 'failed', 'canceled'] as const;

export type PredictionStatus = (typeof predictionStatuses)[number];

const timeSchema = z.iso.datetime();
const secondsSchema = z.number().nonnegative();

export const predictionSchema = z
  .strictObject({
    id: z.string().meta({ description: 'Id of the job' }),
    model: z.string(),
    version: z.string(),
    input: z.record(z.string(), z.json()).meta({ description: 'As it was understood' }),
    output: z
      .array(z.string())
      .nullable()
      .meta({ description: 'Links that work for 15 minutes, new in every answer; of a chat one text' }),
    logs: z.string().meta({ description: 'Progress as the original’s models print it' }),
    error: z.string().nullable(),
    status: z.enum(predictionStatuses),
    source: z.literal('api'),
    data_removed: z.boolean().meta({ description: 'The files are past their retention' }),
    created_at: timeSchema,
    started_at: timeSchema.nullable(),
    completed_at: timeSchema.nullable(),
    metrics: z.strictObject({ predict_time: secondsSchema.optional(), total_time: secondsSchema.optional() }),
    webhook: z.string().optional(),
    urls: z.strictObject({
      get: z.string(),
      cancel: z.string(),
      stream: z
        .string()
        .optional()
        .meta({ description: 'Server-sent events; opens without a key for 15 minutes' }),
    }),
  })
  .meta({ id: 'ReplicatePrediction' });

export type Prediction = z.infer<typeof predictionSchema>;

export const predictionPageSchema = z
  .strictObject({
    previous: z.null().meta({ description: 'Pages go on to older predictions alone' }),
    next: z.string().nullable(),
    results: z.array(predictionSchema),
  })
  .meta({ id: 'ReplicatePredictionPage' });

export interface PredictionView {
  /** Null while the job has not succeeded, and once its files are gone. */
  readonly outputs: readonly ToldOutput[] | null;
  /** Where this API is, without a slash at the end. */
  readonly apiUrl: string;
  /** Null where nobody is to follow the job by it. */
  readonly streamUrl: string | null;
}

export function presentPrediction(
  job: JobRecord,
  { outputs, apiUrl, streamUrl }: PredictionView,
): Prediction {
  const { input, created_at, started_at, finished_at, error } = presentJob(job, null);
  const self = `${apiUrl}/replicate/v1/predictions/${job.jobId}`;
  return {
    id: job.jobId,
    model: `${owner}/${job.model}`,
    version: versionIdOf({ id: job.model, revision: job.modelRevision }),
    input,
    output: outputs?.map((output) => (output.type === 'text' ? output.text : output.url)) ?? null,
    // `parseProgressFromLogs` of the clients reads it.
    logs: progressLine(job.progress),
    error: error?.message ?? null,
    status: statusOf(job),
    source: 'api',
    data_removed: job.status === 'succeeded' && outputs === null,
    created_at,
    started_at,
    completed_at: finished_at,
    metrics: metricsOf(job),
    ...(job.webhook === null ? {} : { webhook: job.webhook.url }),
    urls: { get: self, cancel: `${self}/cancel`, ...(streamUrl === null ? {} : { stream: streamUrl }) },
  };
}

/**
 * In the answer to a submission that waited in vain. The official clients take every status but `starting` for the end
 * there and return without a result; they ask again for one that is `starting`.
 */
export function asSubmitted(prediction: Prediction): Prediction {
  return prediction.status === 'processing' ? { ...prediction, status: 'starting' } : prediction;
}

/**
 * A job that expired has failed. The original says `aborted` of it, which its official clients wait out for ever: their
 * `wait` ends with `succeeded`, `failed` and `canceled` alone.
 */
function statusOf({ status }: JobRecord): PredictionStatus {
  switch (status) {
    case 'queued':
      return 'starting';
    case 'running':
      return 'processing';
    case 'expired':
      return 'failed';
    default:
      return status;
  }
}

function metricsOf(job: JobRecord): Prediction['metrics'] {
  const { timings, createdAtMs, finishedAtMs } = job;
  return {
    ...(timings === null ? {} : { predict_time: timings.runMs / 1000 }),
    ...(finishedAtMs === null || !isTerminal(job)
      ? {}
      : { total_time: Math.max(0, finishedAtMs - createdAtMs) / 1000 }),
  };
}
