/** A job as fal's queue tells how it stands. */
import * as z from 'zod';
import type { JobRecord } from '../../job/job.ts';
import { isTerminal } from '../../job/job.ts';
import { owner } from '../owner.ts';
import { progressLine } from '../progress-line.ts';

const logSchema = z.strictObject({
  message: z.string(),
  level: z.literal('INFO'),
  source: z.literal('USER'),
  timestamp: z.iso.datetime(),
});

const links = {
  request_id: z.string().meta({ description: 'Id of the job' }),
  response_url: z.string(),
  status_url: z.string(),
  cancel_url: z.string(),
};

export const statusSchema = z
  .strictObject({
    ...links,
    status: z.enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']),
    queue_position: z.int().nonnegative().optional().meta({ description: 'How many requests go first' }),
    logs: z.array(logSchema).optional().meta({ description: 'Progress, when it is asked for' }),
    metrics: z.strictObject({ inference_time: z.number().nonnegative().nullable() }).optional(),
    error: z.string().optional().meta({ description: 'Why there is no result' }),
  })
  .meta({ id: 'FalStatus' });

export type FalStatus = z.infer<typeof statusSchema>;

export interface StatusView {
  /** Where this API is, without a slash at the end. */
  readonly apiUrl: string;
  /** Jobs ahead in the line. */
  readonly position: number;
  /** Whether logs are asked for. */
  readonly logs: boolean;
}

/** `COMPLETED` is whatever has ended: whether there is a result, the result says. */
export function presentStatus(job: JobRecord, { apiUrl, position, logs }: StatusView): FalStatus {
  const self = `${apiUrl}/fal/queue/${owner}/${job.model}/requests/${job.jobId}`;
  const told = {
    request_id: job.jobId,
    response_url: self,
    status_url: `${self}/status`,
    cancel_url: `${self}/cancel`,
  };
  if (job.status === 'queued') return { status: 'IN_QUEUE', ...told, queue_position: position };
  const withLogs = { ...told, logs: logs ? logsOf(job) : [] };
  if (!isTerminal(job)) return { status: 'IN_PROGRESS', ...withLogs };
  return {
    status: 'COMPLETED',
    ...withLogs,
    metrics: { inference_time: job.timings === null ? null : job.timings.runMs / 1000 },
    ...(job.error === null ? {} : { error: job.error.message }),
  };
}

function logsOf({ progress, startedAtMs }: JobRecord): NonNullable<FalStatus['logs']> {
  const message = progressLine(progress);
  if (message === '' || startedAtMs === null) return [];
  return [{ message, level: 'INFO', source: 'USER', timestamp: new Date(startedAtMs).toISOString() }];
}
