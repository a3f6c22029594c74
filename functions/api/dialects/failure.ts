/** Why a job that has ended has no answer, for calls that wait for one. */
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';

/**
 * Null for a job that has one.
 * @param called what the dialect calls a job @default 'job'
 */
export function failureOf({ status, error }: JobRecord, called = 'job'): AppError | null {
  if (status === 'succeeded') return null;
  const publicMessage = error?.message ?? `The ${called} ended without a result.`;
  return new AppError(error?.code === 'invalid_input' ? 'invalid_request' : 'job_failed', { publicMessage });
}
