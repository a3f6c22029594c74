/**
 * What tenants are told of: the states that a job comes to, and the ends of a batch. An event is derived from the job's record, so it can be
 * derived again after a crash, and comes out the same to the millisecond.
 */
import type { BatchRecord } from '../batch/batch.ts';
import type { JobRecord, JobStatus } from '../job/job.ts';
import { isTerminal, jobStatuses } from '../job/job.ts';

export type JobEvent = `job.${JobStatus}`;

export const jobEvents = jobStatuses.map((status): JobEvent => `job.${status}`) as [JobEvent, ...JobEvent[]];

/** The ends of a job: what a subscription means that names no events. */
export const endEvents: readonly JobEvent[] = ['job.succeeded', 'job.failed', 'job.canceled', 'job.expired'];

export const batchEvents = ['batch.completed', 'batch.failed', 'batch.expired', 'batch.cancelled'] as const;

export type BatchEvent = (typeof batchEvents)[number];

/** What an endpoint may subscribe to. */
export const subscribableEvents = [...jobEvents, ...batchEvents] as [
  SubscribableEvent,
  ...SubscribableEvent[],
];

export type SubscribableEvent = JobEvent | BatchEvent;

/** Sent on request, to see whether a receiver takes it. */
export const testEvent = 'endpoint.test';

export type WebhookEvent = SubscribableEvent | typeof testEvent;

export const webhookEvents = [...jobEvents, ...batchEvents, testEvent] as const;

export interface SeenEvent {
  readonly event: JobEvent;
  /** When the job came to it: the same whenever it is asked. */
  readonly atMs: number;
}

/** Null while the batch has not ended. */
export function endEventOf({ status }: Pick<BatchRecord, 'status'>): BatchEvent | null {
  switch (status) {
    case 'completed':
    case 'failed':
    case 'expired':
    case 'cancelled':
      return `batch.${status}`;
    default:
      return null;
  }
}

export function isBatchEvent(event: WebhookEvent): event is BatchEvent {
  return event.startsWith('batch.');
}

/** Every event of the job so far, in order. A job that was answered from the result cache has its end alone. */
export function eventsOf(job: JobRecord): SeenEvent[] {
  const seen: SeenEvent[] = [];
  if (job.receipt?.cachedFrom === undefined) {
    seen.push({ event: 'job.queued', atMs: job.createdAtMs });
    if (job.startedAtMs !== null) seen.push({ event: 'job.running', atMs: job.startedAtMs });
  }
  if (isTerminal(job)) seen.push({ event: `job.${job.status}`, atMs: job.finishedAtMs ?? job.createdAtMs });
  return seen;
}
