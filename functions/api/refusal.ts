/** What admission refused, as an error that names the limit, how much of it is used and when it clears. */
import type { GateView, LimitName, Refusal } from '#core/admission/gate.ts';
import { presentLimits } from '#core/api/limits-resource.ts';
import type { RequestErrorCode } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import { decimalUsd } from './job-answer.ts';

const codes = {
  requests_per_minute: 'rate_limit_exceeded',
  images_per_minute: 'rate_limit_exceeded',
  requests_per_day: 'quota_exceeded',
  open_jobs_max: 'concurrency_limit',
  budget_usd_micros_per_month: 'budget_exhausted',
} as const satisfies Record<LimitName, RequestErrorCode>;

export function refusalError({ limit, used, max, retryAfterSeconds }: Refusal, nowMs: number): AppError {
  if (limit === 'suspended') return new AppError('tenant_suspended');
  const clearsAt = new Date(nowMs + retryAfterSeconds * 1000).toISOString();
  switch (limit) {
    case 'open_jobs_max':
      return new AppError(codes[limit], {
        publicMessage: `The limit ${limit} is reached: ${used} of ${max} jobs are open. It clears when one of them ends.`,
        retryAfterSeconds,
      });
    case 'budget_usd_micros_per_month':
      // The code says that waiting a moment does not help, so there is no Retry-After.
      return new AppError(codes[limit], {
        publicMessage: `The limit ${limit} leaves no room for this job: ${decimalUsd(used)} of ${decimalUsd(max)} USD are spent or reserved. It clears at ${clearsAt}.`,
      });
    case 'requests_per_minute':
    case 'images_per_minute':
    case 'requests_per_day':
      return new AppError(codes[limit], {
        publicMessage: `The limit ${limit} leaves no room for this job: ${used} of ${max} are used. It clears in ${retryAfterSeconds} s, at ${clearsAt}.`,
        retryAfterSeconds,
      });
  }
}

/** `x-ratelimit-…-requests` in OpenAI's form; empty for a plan without a limit per minute. */
export function rateLimitHeaders(
  tenant: TenantRecord,
  gate: GateView | null,
  nowMs: number,
): Record<string, string> {
  if (gate === null) return {};
  const { limits } = presentLimits(tenant, gate, nowMs);
  const perMinute = limits.find(({ name }) => name === 'requests_per_minute');
  if (perMinute === undefined || perMinute.max === null || perMinute.resets_at === null) return {};
  const resetSeconds = Math.max(0, Math.ceil((Date.parse(perMinute.resets_at) - nowMs) / 1000));
  return {
    'x-ratelimit-limit-requests': String(perMinute.max),
    'x-ratelimit-remaining-requests': String(Math.max(0, perMinute.max - perMinute.used)),
    'x-ratelimit-reset-requests': `${resetSeconds}s`,
  };
}
