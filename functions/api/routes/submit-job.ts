import type { GateView } from '#core/admission/gate.ts';
import { AppError } from '#core/errors.ts';
import { submit } from '#core/flows/submit.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import type { ApiAnswer } from '../answer.ts';
import type { ApiDeps } from '../api-deps.ts';
import { HeadedError } from '../headed-error.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import { promptError } from '../prompt-error.ts';
import { rateLimitHeaders } from '../rate-limit-headers.ts';
import { refusalError } from '../refusal.ts';
import type { ApiCall, RouteHandler } from '../route-handler.ts';
import { waitForJob, waitOf } from '../wait-for-job.ts';
import { checkedTarget } from '../webhooks.ts';

export const submitJob: RouteHandler<'submitJob'> = async (deps, call) => {
  const { tenant, keyId, granted } = call.caller;
  const outcome = await submit(deps, {
    tenant,
    keyId,
    model: call.body.model,
    quality: call.body.quality ?? null,
    granted,
    input: call.body.input,
    adapters: call.body.adapters,
    class: call.body.class ?? null,
    metadata: call.body.metadata,
    webhook: call.body.webhook === undefined ? null : checkedTarget(deps, 'webhook.url', call.body.webhook),
    deadlineSeconds: call.body.deadline_s ?? null,
    cache: call.body.cache ?? null,
    idempotencyKey: call.headers['idempotency-key'] ?? null,
  });
  switch (outcome.kind) {
    case 'accepted':
      return answer(deps, call, outcome.job, { gate: outcome.gate, replayed: false });
    case 'replayed':
      return answer(deps, call, outcome.job, { gate: null, replayed: true });
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
    case 'refused': {
      const nowMs = deps.clock.nowMs();
      const error = refusalError(outcome.refusal, nowMs);
      throw new HeadedError(error, rateLimitHeaders(tenant, outcome.gate, nowMs));
    }
  }
};

/** 200 for a job that has ended, 202 for one that has not. */
async function answer(
  deps: ApiDeps,
  { caller, query, headers, remainingMs }: ApiCall<'submitJob'>,
  submitted: JobRecord,
  { gate, replayed }: { gate: GateView | null; replayed: boolean },
): Promise<ApiAnswer> {
  // Before the wait: the minute that the request was counted in is the one to tell about.
  const rateLimit = rateLimitHeaders(caller.tenant, gate, deps.clock.nowMs());
  const wait = waitOf(query, headers);
  const job = await waitForJob(deps, submitted, Math.min(wait.waitMs, remainingMs));
  const body = await presentOneJob(deps, job);
  return {
    status: isTerminal(job) ? 200 : 202,
    headers: {
      ...jobHeaders(job),
      ...rateLimit,
      ...wait.headers,
      location: body.urls.self,
      'idempotency-replayed': replayed ? 'true' : undefined,
    },
    body,
  };
}
