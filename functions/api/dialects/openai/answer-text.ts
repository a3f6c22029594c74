/** Calls that are answered with a text. */
import type { DialectSubmission, Translated } from '#core/dialects/submission.ts';
import type { JobRecord } from '#core/job/job.ts';
import type { ApiAnswer } from '../../answer.ts';
import type { ApiDeps } from '../../api-deps.ts';
import { jobHeaders } from '../../job-answer.ts';
import type { DialectCall } from '../submitted.ts';
import { translatedOf } from '../submitted.ts';
import { textOf } from '../told-text.ts';
import { streamJob } from './job-stream.ts';
import { succeeded } from './succeeded.ts';
import type { Chunks } from './text-answer.ts';
import { textSaid } from './text-answer.ts';

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
  const { job, headers } = await succeeded(deps, call, { submission, task: 'chat' });
  return {
    status: 200,
    headers: { ...headers, ...jobHeaders(job) },
    body: form.answer(job, await textOf(deps, job)),
  };
}
