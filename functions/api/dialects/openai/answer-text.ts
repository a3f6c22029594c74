/** Calls that are answered with a text. */
import type { DialectSubmission, Translated } from '#core/dialects/openai/submission.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { ApiAnswer } from '../../answer.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { jobHeaders } from '../../job-answer.ts';
import { acceptedHeaders, streamJob } from './job-stream.ts';
import type { DialectCall } from './submitted.ts';
import { submitted, succeeded, translatedOf } from './submitted.ts';
import type { Chunks } from './text-answer.ts';
import { textOf, textSaid } from './text-answer.ts';

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
  if (submission.stream) {
    const saidOf = textSaid(deps, call, form.chunks(submission));
    return streamJob(deps, call, { submission, task: 'chat' }, saidOf);
  }
  const accepted = await submitted(deps, call, submission, 'chat');
  const headers = acceptedHeaders(deps, call, accepted);
  const job = await succeeded(deps, call, accepted);
  return {
    status: 200,
    headers: { ...headers, ...jobHeaders(job) },
    body: form.answer(job, await textOf(deps, job)),
  };
}
