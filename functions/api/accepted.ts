/** What a submission came to: a job, or the refusal as an error. */
import type { GateView } from '#core/admission/gate.ts';
import { AppError } from '#core/errors.ts';
import type { SubmitOutcome } from '#core/flows/submission.ts';
import type { JobRecord } from '#core/job/job.ts';
import { promptError } from '#core/prompt/prompt-error.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import type { ApiDeps } from './api-deps.ts';
import type { Caller } from './edge.ts';
import { HeadedError } from './headed-error.ts';
import { rateLimitHeaders } from './rate-limit-headers.ts';
import { refusalError } from './refusal.ts';

export interface Accepted {
  readonly job: JobRecord;
  /** As admission left it; null for the job of an earlier request. */
  readonly gate: GateView | null;
  readonly replayed: boolean;
}

/** As of the submission: the minute that the request was counted in is the one to tell about, so before any wait. */
export function acceptedHeaders(
  { clock }: Pick<ApiDeps, 'clock'>,
  { caller }: { readonly caller: Caller },
  { gate, replayed }: Accepted,
): Record<string, string | undefined> {
  return {
    ...rateLimitHeaders(caller.tenant, gate, clock.nowMs()),
    'idempotency-replayed': replayed ? 'true' : undefined,
  };
}

export function acceptedOf(outcome: SubmitOutcome, tenant: TenantRecord, nowMs: number): Accepted {
  switch (outcome.kind) {
    case 'accepted':
      return { job: outcome.job, gate: outcome.gate, replayed: false };
    case 'replayed':
      return { job: outcome.job, gate: null, replayed: true };
    case 'mismatch':
      throw new AppError('idempotency_mismatch', { param: 'idempotency-key' });
    case 'key_spent':
      throw new AppError('conflict', {
        param: 'idempotency-key',
        publicMessage:
          'The job of this Idempotency-Key is past its retention. Send a new key to run the request again.',
      });
    case 'in_flight':
      throw new AppError('idempotency_in_flight', { param: 'idempotency-key', retryAfterSeconds: 1 });
    case 'too_late':
      throw new AppError('unavailable', { retryAfterSeconds: 1 });
    case 'model_not_found':
      throw new AppError('model_not_found', { param: 'model' });
    case 'model_not_granted':
      throw new AppError('model_not_granted', { param: 'model' });
    case 'invalid':
      throw new AppError('invalid_request', { details: outcome.details });
    case 'invalid_adapter':
      throw new AppError('invalid_adapter', { details: outcome.details });
    case 'invalid_prompt_xml':
    case 'prompt_too_long':
    case 'prompt_rejected':
      throw promptError(outcome);
    case 'refused':
      throw new HeadedError(
        refusalError(outcome.refusal, nowMs),
        rateLimitHeaders(tenant, outcome.gate, nowMs),
      );
  }
}
