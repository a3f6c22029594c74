/** Predictions of Replicate's dialect on their way in and out. */
import type { Prediction } from '#core/dialects/replicate/prediction.ts';
import { asSubmitted, presentPrediction } from '#core/dialects/replicate/prediction.ts';
import type { PredictionRequest } from '#core/dialects/replicate/request.ts';
import { secondsOf, toSubmission } from '#core/dialects/replicate/request.ts';
import { AppError } from '#core/errors.ts';
import { tellOutputs } from '#core/flows/tell-outputs.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { apiLimits } from '#core/limits.ts';
import { writePass } from '#core/stream/pass.ts';
import { acceptedHeaders } from '../../accepted.ts';
import type { ApiAnswer } from '../../answer.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { jobHeaders } from '../../job-answer.ts';
import type { ApiCall } from '../../route-handler.ts';
import { waitForJob, waitOf } from '../../wait-for-job.ts';
import { submitted, taskOf } from '../submitted.ts';
import { outputLinks } from './output-links.ts';

type CreateCall = Omit<ApiCall<'replicateCreatePrediction'>, 'body' | 'params' | 'query' | 'form'>;

/** @param model as our requests call it; null: the request names none that there is */
export async function createPrediction(
  deps: ApiDeps,
  call: CreateCall,
  { request, model }: { readonly request: PredictionRequest; readonly model: string | null },
): Promise<ApiAnswer> {
  if (model === null) throw new AppError('model_not_found');
  const { waitMs, headers: waitHeaders } = waitOf({}, call.headers);
  const { 'cancel-after': cancelAfter } = call.headers;
  const submission = toSubmission({
    request,
    model,
    task: taskOf(deps, model),
    waits: waitMs > 0,
    deadlineSeconds: cancelAfter === undefined ? null : secondsOf(cancelAfter),
    apiUrl: call.apiUrl,
  });
  const accepted = await submitted(deps, call, submission, null);
  // Before the wait: the minute that the request was counted in is the one to tell about.
  const headers = { ...acceptedHeaders(deps, call, accepted), ...waitHeaders };
  const job = await waitForJob(deps, accepted.job, waitMs, call);
  const prediction = asSubmitted(await presentedPrediction(deps, call, job));
  return {
    status: waitMs > 0 && !isTerminal(job) ? 202 : 201,
    headers: { ...headers, ...jobHeaders(job), location: new URL(prediction.urls.get).pathname },
    body: prediction,
  };
}

export async function presentedPrediction(
  deps: ApiDeps,
  { apiUrl }: { readonly apiUrl: string },
  job: JobRecord,
): Promise<Prediction> {
  const untilMs = deps.clock.nowMs() + apiLimits.outputUrlSeconds * 1000;
  const pass = writePass(deps.keyPepper, 'stream', { tenantId: job.tenantId, jobId: job.jobId, untilMs });
  const streamUrl = `${apiUrl}/replicate/v1/streams/${pass}`;
  const outputs = await tellOutputs(deps, job, outputLinks(deps, apiUrl));
  return presentPrediction(job, { outputs, apiUrl, streamUrl });
}
