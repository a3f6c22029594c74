/** What admission refused, as an error that names the limit, how much of it is used and when it clears. */
import type { LimitName, Refusal } from '#core/admission/gate.ts';
import { inLimitUnit } from '#core/admission/gate.ts';
import { refusalCodes } from '#core/admission/refusal-codes.ts';
import { monthWindow } from '#core/admission/windows.ts';
import { AppError } from '#core/errors.ts';
import { decimalUsd } from './job-answer.ts';

/** @param what asked for it, as a person would say. */
export function refusalError(
  refusal: Refusal,
  nowMs: number,
  what: 'adapter' | 'file' | 'job' | 'warm-up' = 'job',
): AppError {
  const { limit, retryAfterSeconds: seconds } = refusal;
  if (limit === 'suspended') return new AppError('tenant_suspended');
  const fault = faultOf(refusal, limit, what);
  const publicMessage = `The limit ${limit} ${fault}. ${clearing(refusal, limit, { nowMs, what })}`;
  // The code of a budget says that waiting a moment does not help, so there is no Retry-After.
  if (seconds === null || limit === 'budget_usd_micros_per_month') {
    return new AppError(refusalCodes[limit], { publicMessage });
  }
  return new AppError(refusalCodes[limit], { publicMessage, retryAfterSeconds: seconds });
}

function faultOf({ used, max }: Refusal, limit: LimitName, what: string): string {
  switch (limit) {
    case 'open_jobs_max':
      return `is reached: ${used} of ${max} jobs are open`;
    case 'storage_gb_max':
      return `${used < max ? `leaves no room for this ${what}` : 'is reached'}: files of ${inLimitUnit(limit, used)} GB are kept, of ${inLimitUnit(limit, max)} GB`;
    case 'budget_usd_micros_per_month':
    case 'warmup_usd_micros_per_day':
      return `leaves no room for this ${what}: ${decimalUsd(used)} of ${decimalUsd(max)} USD are spent or reserved`;
    default:
      return `leaves no room for this ${what}: ${inLimitUnit(limit, used)} of ${inLimitUnit(limit, max)} are used`;
  }
}

function clearing(
  { retryAfterSeconds }: Refusal,
  limit: LimitName,
  { nowMs, what }: { readonly nowMs: number; readonly what: string },
): string {
  if (limit === 'open_jobs_max') return 'It clears when one of them ends.';
  const isBudget = limit === 'budget_usd_micros_per_month';
  const monthEnd = new Date(monthWindow(nowMs).endsAtMs).toISOString();
  if (limit === 'storage_gb_max' && retryAfterSeconds === null) {
    return 'Waiting makes no room: adapters stay until they are deleted, and what is larger than the limit never fits.';
  }
  if (retryAfterSeconds === null) {
    const hopeless = `The ${what} asks for more than the whole limit, so waiting does not help`;
    return isBudget ? `${hopeless}; the month ends at ${monthEnd}.` : `${hopeless}.`;
  }
  if (isBudget) return `It clears at ${monthEnd}.`;
  const clearsAt = new Date(nowMs + retryAfterSeconds * 1000).toISOString();
  if (limit === 'storage_gb_max') {
    return `Enough of them go in ${retryAfterSeconds} s, at ${clearsAt}, when their retention ends.`;
  }
  return `It clears in ${retryAfterSeconds} s, at ${clearsAt}.`;
}
