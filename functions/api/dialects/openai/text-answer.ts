/**
 * A job's text for a client of OpenAI, in one piece or as it is written. What was sent cannot be taken back, so an attempt
 * that begins anew goes on where its text is the same, as with a seed it mostly is, and ends the stream where it is not.
 */
import { presentError } from '#core/api/error-resource.ts';
import { answerTextOf } from '#core/chat/answer-text.ts';
import { AppError } from '#core/errors.ts';
import { follow } from '#core/flows/follow.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said } from '../../event-stream.ts';
import type { SaidOf, StreamEnd } from './job-stream.ts';
import type { DialectCall } from './submitted.ts';
import { failureOf, tooLate } from './submitted.ts';

/** The events of one dialect's stream. */
export interface Chunks {
  /** Before any text; null: nothing is. */
  opening(job: JobRecord): unknown;
  text(job: JobRecord, text: string): unknown;
  /** After all text. */
  closing(job: JobRecord): readonly unknown[];
}

/** The whole text of a job that succeeded. Throws `not_found` where it is past its retention. */
export async function textOf({ blobs }: ApiDeps, job: JobRecord): Promise<string> {
  const text = await answerTextOf(job, (path) => blobs.get(job.tenantId, path));
  if (text === null) throw new AppError('not_found', { publicMessage: 'The text of the job is gone.' });
  return text;
}

export function textSaid(deps: ApiDeps, call: DialectCall, chunks: Chunks): SaidOf {
  return ({ job }, end) => saidOf(deps, call, job, chunks, end);
}

async function* saidOf(
  deps: ApiDeps,
  call: DialectCall,
  start: JobRecord,
  chunks: Chunks,
  end: StreamEnd,
): AsyncGenerator<Said, void, void> {
  const endMs = deps.clock.nowMs() + Math.min(call.remainingMs, streamLimits.longestMs);
  const failed = (error: AppError) => dataOf(presentError(error, call.requestId).body);
  const text = createText();
  let job = start;
  const opening = chunks.opening(job);
  if (opening !== null) yield dataOf(opening);
  for await (const followed of follow(deps, start, { from: null, signal: call.gone })) {
    if (followed.kind === 'job') {
      if (followed.job.attempt > job.attempt) text.beginAnew();
      job = followed.job;
      yield null;
    } else if (followed.kind === 'delta') {
      const next = text.hear(followed.text);
      if (next === 'otherwise') return yield failed(restarted());
      if (next !== '') yield dataOf(chunks.text(job, next));
    }
    if (deps.clock.nowMs() >= endMs && !isTerminal(job)) return yield failed(tooLate());
  }
  if (call.gone.aborted) return;
  end.isReached = true;
  const failure = failureOf(job);
  if (failure !== null) return yield failed(failure);
  const rest = text.rest(await textOf(deps, job));
  if (rest === 'otherwise') return yield failed(restarted());
  if (rest !== '') yield dataOf(chunks.text(job, rest));
  for (const chunk of chunks.closing(job)) yield dataOf(chunk);
  yield { data: '[DONE]' };
}

function dataOf(chunk: unknown): Said {
  return { data: JSON.stringify(chunk) };
}

/** What the client has of the text, beside what the present attempt has said. */
function createText() {
  let told = '';
  let heard = '';
  const next = (): string | 'otherwise' => {
    const [shorter, longer] = heard.length < told.length ? [heard, told] : [told, heard];
    if (!longer.startsWith(shorter)) return 'otherwise';
    const more = heard.slice(told.length);
    told += more;
    return more;
  };
  return {
    beginAnew() {
      heard = '';
    },
    /** What is new of it for the client. */
    hear(text: string) {
      heard += text;
      return next();
    },
    /** What the client lacks of the whole; also `otherwise` when it has more than that. */
    rest(whole: string) {
      heard = whole;
      return whole.length < told.length ? 'otherwise' : next();
    },
  };
}

function restarted(): AppError {
  const publicMessage =
    'The worker was lost while it answered, and its successor answers otherwise. Send the request again.';
  return new AppError('unavailable', { publicMessage });
}
