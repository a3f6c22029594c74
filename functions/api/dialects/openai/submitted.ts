/**
 * Requests in OpenAI's words on their way through the one flow of submissions. Whatever refuses one names what is at
 * fault by the request's own names.
 */
import type { DialectSubmission, Translated } from '#core/dialects/openai/submission.ts';
import type { ErrorDetail } from '#core/errors.ts';
import { AppError } from '#core/errors.ts';
import { cancel } from '#core/flows/cancel.ts';
import { submit } from '#core/flows/submit.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { Accepted } from '../../accepted.ts';
import { acceptedOf } from '../../accepted.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Caller } from '../../edge.ts';
import { HeadedError } from '../../headed-error.ts';
import { waitForJob } from '../../wait-for-job.ts';

/** What these routes have in common of a call. */
export interface DialectCall {
  readonly caller: Caller;
  readonly headers: { readonly 'idempotency-key'?: string | undefined };
  readonly remainingMs: number;
  readonly gone: AbortSignal;
  readonly requestId: string;
  readonly traceparent: string;
}

/** The submission; throws `invalid_request` where there is none. */
export function translatedOf<T extends DialectSubmission>(
  translated: T | Extract<Translated, { kind: 'invalid' }>,
): T {
  if (translated.kind === 'invalid') throw new AppError('invalid_request', { details: translated.details });
  return translated;
}

export async function submitted(
  deps: ApiDeps,
  { caller, headers, traceparent }: DialectCall,
  submission: DialectSubmission,
  task: Manifest['task'],
): Promise<Accepted> {
  const { tenant, keyId, granted } = caller;
  const { model, quality, input, metadata, stream } = submission;
  refuseOtherTask(deps, caller, model, task);
  try {
    const outcome = await submit(deps, {
      ...{ tenant, keyId, granted, model, quality, input, metadata, stream },
      class: null,
      webhook: null,
      deadlineSeconds: null,
      cache: null,
      idempotencyKey: headers['idempotency-key'] ?? null,
      traceparent,
    });
    return acceptedOf(outcome, tenant, deps.clock.nowMs());
  } catch (error) {
    throw error instanceof AppError ? renamed(error, submission) : error;
  }
}

/** A model that draws has no answers. An alias is left to the input schema of its model. */
function refuseOtherTask(
  { catalog }: ApiDeps,
  { granted }: Caller,
  name: string,
  task: Manifest['task'],
): void {
  const other = catalog.get(name)?.manifest.task;
  if (other === undefined || other === task || granted?.includes(name) === false) return;
  const message = `is of the task ${other}, and this path is for ${task}`;
  throw new AppError('invalid_request', { details: [{ path: 'model', message }] });
}

function renamed(error: AppError, { paramOf }: DialectSubmission): AppError {
  const { param, details } = error.options;
  const detailOf = (detail: ErrorDetail): ErrorDetail => ({ ...detail, path: paramOf(detail.path) });
  return new AppError(error.code, {
    ...error.options,
    ...(param === undefined ? {} : { param: paramOf(param) }),
    ...(details === undefined ? {} : { details: details.map(detailOf) }),
  });
}

/**
 * The job as it succeeded, for a call that answers once. One that does not end in time, or whose client hangs up, is
 * canceled if this very call submitted it: nobody would ever ask for it. Throws for every other end.
 */
export async function succeeded(deps: ApiDeps, call: DialectCall, accepted: Accepted): Promise<JobRecord> {
  const waitMs = Math.min(streamLimits.answerMs, call.remainingMs);
  const job = await waitForJob(deps, accepted.job, waitMs, call.gone);
  if (!isTerminal(job)) {
    await abandon(deps, accepted);
    throw final(tooLate());
  }
  const failure = failureOf(job);
  if (failure !== null) throw final(failure);
  return job;
}

/** Cancels the job of a call that nobody waits for any more. The job of an earlier request is that one's. */
export async function abandon(deps: ApiDeps, { job, replayed }: Accepted): Promise<void> {
  if (replayed) return;
  try {
    await cancel(deps, job.tenantId, job.jobId);
  } catch (error) {
    const { tenantId, jobId } = job;
    deps.log.warn('dialect.not_canceled', { tenantId, jobId, reason: String(error) });
  }
}

/** Why a job that has ended has no answer; null when it has one. */
export function failureOf({ status, error }: JobRecord): AppError | null {
  if (status === 'succeeded') return null;
  const publicMessage = error?.message ?? 'The job ended without a result.';
  return new AppError(error?.code === 'invalid_input' ? 'invalid_request' : 'job_failed', { publicMessage });
}

export function tooLate(): AppError {
  const publicMessage =
    'The job did not end in time and was canceled. Submit it at /v1/jobs, which does not wait, or stream its answer.';
  return new AppError('unavailable', { publicMessage });
}

/** What sending it again would only repeat, and pay for once more: OpenAI's clients heed this header. */
function final(error: AppError): HeadedError {
  return new HeadedError(error, { 'x-should-retry': 'false' });
}
