import { presentWarmup } from '#core/api/warmup-resource.ts';
import type { WarmupEntry } from '#core/billing/ledger.ts';
import { AppError } from '#core/errors.ts';
import { tellReady } from '#core/flows/outlooks.ts';
import { warmUp } from '#core/flows/warm-up.ts';
import type { ApiAnswer } from '../answer.ts';
import type { ApiDeps } from '../api-deps.ts';
import { HeadedError } from '../headed-error.ts';
import { rateLimitHeaders } from '../rate-limit-headers.ts';
import { refusalError } from '../refusal.ts';
import type { RouteHandler } from '../route-handler.ts';

export const warmUpModel: RouteHandler<'warmUpModel'> = async (deps, { caller, params, body, headers }) => {
  const { tenant, keyId, granted } = caller;
  const outcome = await warmUp(deps, {
    tenant,
    keyId,
    model: params.id,
    granted,
    forSeconds: body.for_s,
    idempotencyKey: headers['idempotency-key'] ?? null,
  });
  switch (outcome.kind) {
    case 'kept':
      return answer(deps, outcome.entry, rateLimitHeaders(tenant, outcome.gate, deps.clock.nowMs()));
    case 'replayed':
      return answer(deps, outcome.entry, { 'idempotency-replayed': 'true' });
    case 'mismatch':
      throw new AppError('idempotency_mismatch', { param: 'idempotency-key' });
    case 'in_flight':
      throw new AppError('idempotency_in_flight', {
        publicMessage: 'Other warm-ups of this tenant are just being accepted. Try again shortly.',
        retryAfterSeconds: 1,
      });
    case 'paused':
      throw new AppError('conflict', { publicMessage: 'The pool of this model is paused by its operator.' });
    case 'not_kept':
      throw new AppError('conflict', {
        publicMessage:
          'The pool could not take this warm-up, and nothing was paid. Ask again as a new request.',
      });
    case 'model_not_found':
      throw new AppError('model_not_found');
    case 'model_not_granted':
      throw new AppError('model_not_granted');
    case 'invalid':
      throw new AppError('invalid_request', { details: outcome.details });
    case 'refused': {
      const nowMs = deps.clock.nowMs();
      const error = refusalError(outcome.refusal, nowMs, 'warm-up');
      throw new HeadedError(error, rateLimitHeaders(tenant, outcome.gate, nowMs));
    }
  }
};

async function answer(
  deps: ApiDeps,
  entry: WarmupEntry,
  headers: Readonly<Record<string, string>>,
): Promise<ApiAnswer> {
  const [{ state }, ready] = await Promise.all([deps.pools.read(entry.pool), tellReady(deps, entry.pool)]);
  return { status: 202, headers, body: presentWarmup(entry, { state, ready }) };
}
