/** Calls that are answered with a text. */
import type { DialectSubmission, Translated } from '#core/dialects/submission.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { ApiAnswer } from '../../answer.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { takePlace } from '../../event-stream.ts';
import { jobHeaders } from '../../job-answer.ts';
import type { DialectCall } from '../submitted.ts';
import { acceptedHeaders, submitted, translatedOf } from '../submitted.ts';
import { textOf } from '../told-text.ts';
import { succeeded } from './succeeded.ts';
import type { Chunks } from './text-answer.ts';
import { textStream } from './text-answer.ts';

export interface TextForm {
  answer(job: JobRecord, text: string): unknown;
  chunks(submission: DialectSubmission): Chunks;
}

export async function answerText(
  deps: ApiDeps,
  call: DialectCall,
  translated: Translated,
  form: TextForm,
): Promise<ApiAnswer> {
  const submission = translatedOf(translated);
  if (submission.stream) return streamText(deps, call, submission, form);
  const accepted = await submitted(deps, call, submission, 'chat');
  const headers = acceptedHeaders(deps, call, accepted);
  const job = await succeeded(deps, call, accepted);
  return {
    status: 200,
    headers: { ...headers, ...jobHeaders(job) },
    body: form.answer(job, await textOf(deps, job)),
  };
}

/** The place is taken first: a job that is accepted is answered. */
async function streamText(
  deps: ApiDeps,
  call: DialectCall,
  submission: DialectSubmission,
  form: TextForm,
): Promise<ApiAnswer> {
  const place = await takePlace(deps, call.caller.tenant.tenantId);
  try {
    const accepted = await submitted(deps, call, submission, 'chat');
    return {
      status: 200,
      headers: { ...acceptedHeaders(deps, call, accepted), ...jobHeaders(accepted.job) },
      body: textStream(deps, call, accepted, form.chunks(submission), place),
    };
  } catch (error) {
    await place.release();
    throw error;
  }
}
