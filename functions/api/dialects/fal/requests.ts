/** Requests of fal's dialect on their way in, and what comes of them. */
import type { QueuePriority } from '#core/dialects/fal/request.ts';
import { toSubmission, wholeSecondsOf } from '#core/dialects/fal/request.ts';
import type { FalResult } from '#core/dialects/fal/result.ts';
import { presentResult } from '#core/dialects/fal/result.ts';
import type { FalStatus } from '#core/dialects/fal/status.ts';
import { presentStatus } from '#core/dialects/fal/status.ts';
import { modelNameOf } from '#core/dialects/owner.ts';
import { AppError } from '#core/errors.ts';
import { tellOutputs } from '#core/flows/tell-outputs.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { Accepted } from '../../accepted.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { HeadedError } from '../../headed-error.ts';
import { jobHeaders, presentOneJob } from '../../job-answer.ts';
import type { ApiCall } from '../../route-handler.ts';
import { failureOf } from '../failure.ts';
import { submitted, taskOf } from '../submitted.ts';

export interface FalWishes {
  readonly stream: boolean;
  /** Of a request to the queue. */
  readonly priority?: QueuePriority;
  /** Null: nowhere. */
  readonly webhook: string | null;
}

export async function falSubmitted(
  deps: ApiDeps,
  call: Omit<ApiCall<'falRun'>, 'query'>,
  { stream, priority, webhook }: FalWishes,
): Promise<Accepted> {
  const model = modelNameOf(call.params.owner, call.params.model);
  if (model === null) throw new AppError('model_not_found');
  const task = taskOf(deps, model);
  const { 'x-fal-request-timeout': timeout } = call.headers;
  const deadlineSeconds = timeout === undefined ? null : wholeSecondsOf(timeout);
  const { body: input, apiUrl } = call;
  const isStream = stream && task === 'chat';
  const submission = toSubmission({
    ...{ input, model, task, deadlineSeconds, priority, webhook, apiUrl },
    stream: isStream,
  });
  return submitted(deps, call, submission, null);
}

export function falHeadersOf(job: JobRecord) {
  return { ...jobHeaders(job), 'x-fal-request-id': job.jobId };
}

export async function falStatus(
  deps: ApiDeps,
  job: JobRecord,
  { apiUrl, logs }: { readonly apiUrl: string; readonly logs: boolean },
): Promise<FalStatus> {
  // The line is looked at for a job that waits, and for no other.
  const { wait } = await presentOneJob(deps, job);
  return presentStatus(job, { apiUrl, logs, position: wait?.position ?? 0 });
}

/** Of a job that has ended. Throws why it has no result. */
export async function falResult(deps: ApiDeps, job: JobRecord): Promise<FalResult> {
  if (job.status === 'expired') throw startTimeout(job.error?.message);
  const failure = failureOf(job, 'request');
  if (failure !== null) throw failure;
  const outputs = await tellOutputs(deps, job);
  if (outputs === null)
    throw new AppError('not_found', { publicMessage: 'The files of the request are gone.' });
  return presentResult(job, outputs);
}

/** Its header keeps the client from sending the request again, which would be another job. */
export function startTimeout(publicMessage: string | undefined): HeadedError {
  const error = new AppError('start_timeout', publicMessage === undefined ? {} : { publicMessage });
  return new HeadedError(error, { 'x-fal-request-timeout-type': 'user' });
}
