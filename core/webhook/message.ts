/** Bodies of messages, in the form of the Standard Webhooks specification: `type`, `timestamp`, `data`. */
import { presentBatch } from '../api/batch-resource.ts';
import { presentJob } from '../api/job-resource.ts';
import type { BatchRecord } from '../batch/batch.ts';
import type { JobRecord } from '../job/job.ts';
import type { BatchEvent, JobEvent, WebhookEvent } from './event.ts';
import { testEvent } from './event.ts';

/**
 * A job that has ended never changes, so the body of its end is the same on every try; earlier events carry the job as it
 * stands now.
 */
export function jobMessage(event: JobEvent, atMs: number, job: JobRecord): string {
  return messageOf(event, atMs, presentJob(job, null));
}

/** A batch that has ended never changes. */
export function batchMessage(event: BatchEvent, atMs: number, batch: BatchRecord): string {
  return messageOf(event, atMs, presentBatch(batch));
}

export function testMessage(atMs: number, endpointId: string): string {
  return messageOf(testEvent, atMs, { id: endpointId, object: 'webhook' });
}

function messageOf(type: WebhookEvent, atMs: number, data: unknown): string {
  return JSON.stringify({ type, timestamp: new Date(atMs).toISOString(), data });
}
