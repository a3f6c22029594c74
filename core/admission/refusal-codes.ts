/** What a refusal by a limit is called where it is told. */
import type { RequestErrorCode } from '../errors.ts';
import type { LimitName } from './gate.ts';

export const refusalCodes = {
  requests_per_second: 'rate_limit_exceeded',
  requests_per_minute: 'rate_limit_exceeded',
  images_per_minute: 'rate_limit_exceeded',
  tokens_per_minute: 'rate_limit_exceeded',
  requests_per_day: 'quota_exceeded',
  gpu_seconds_per_month: 'quota_exceeded',
  open_jobs_max: 'concurrency_limit',
  storage_gb_max: 'quota_exceeded',
  budget_usd_micros_per_month: 'budget_exhausted',
  warmup_usd_micros_per_day: 'quota_exceeded',
} as const satisfies Record<LimitName, RequestErrorCode>;
