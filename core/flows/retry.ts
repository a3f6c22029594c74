/**
 * Submits a job that ended without a result once more, as a new job. The job before stays as it is. Safe to repeat: the id
 * of the new job follows from the one before.
 */
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { SubmitOutcome, SubmitPorts } from './submission.ts';
import { submit } from './submit.ts';

export interface RetryAsk {
  readonly tenant: TenantRecord;
  readonly keyId: string;
  /** Model ids that tenant and key may use; null: every one. */
  readonly granted: readonly string[] | null;
  readonly job: JobRecord;
  /** The trace that lines about the new job are found by. */
  readonly traceparent: string;
}

export type RetryOutcome =
  | SubmitOutcome
  /** It has not ended, or it has a result, or it was canceled as somebody asked. */
  | { readonly kind: 'not_failed' };

export async function retry(ports: SubmitPorts, ask: RetryAsk): Promise<RetryOutcome> {
  const { job, ...who } = ask;
  if (!mayRetry(job)) return { kind: 'not_failed' };
  const { input, metadata, webhook, runMsMax, streamed } = job;
  // Whoever may use a model may use its variants, and is given one by the form of weights alone.
  const model = ports.catalog.get(job.model)?.manifest.variant?.of ?? job.model;
  return submit(ports, {
    ...who,
    ...{ model, input, metadata, webhook, runMsMax },
    quality: null,
    adapters: job.adapters.map(({ id, weight }) => ({ id, weight })),
    class: job.class,
    deadlineSeconds: Math.max(1, Math.round((job.startByMs - job.createdAtMs) / 1000)),
    cache: null,
    stream: streamed,
    retryOf: job.jobId,
    // The NUL keeps it apart from every Idempotency-Key that a request can carry.
    idempotencyKey: `retry\0${job.jobId}`,
  });
}

function mayRetry(job: JobRecord): boolean {
  if (!isTerminal(job)) return false;
  return job.status === 'failed' || job.status === 'expired' || job.error?.code === 'run_too_long';
}
