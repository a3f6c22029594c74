/**
 * A job's text as it is written, for whoever was told a beginning of it and cannot be told otherwise: an attempt that
 * begins anew goes on where its text is the same, as with a seed it mostly is, and ends the telling where it is not.
 */
import { answerTextOf } from '#core/chat/answer-text.ts';
import { AppError } from '#core/errors.ts';
import { follow } from '#core/flows/follow.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import type { ApiDeps } from '../api-deps.ts';

export type Told =
  | { readonly kind: 'text'; readonly job: JobRecord; readonly text: string }
  /** Nothing now; the telling goes on. */
  | { readonly kind: 'nothing' }
  /** Last: of a job that succeeded, all of its text was told. */
  | { readonly kind: 'end'; readonly job: JobRecord }
  /** Last: the job writes otherwise than it was told. */
  | { readonly kind: 'otherwise' }
  /** Last: the time is up, and the job goes on. */
  | { readonly kind: 'late' };

export interface TellAsk {
  readonly endMs: number;
  /** Ends the telling at once, without a last word. */
  readonly gone: AbortSignal;
  /** What the client was told before; it is not told again. */
  readonly had?: string;
}

export async function* toldText(
  deps: ApiDeps,
  start: JobRecord,
  { endMs, gone, had = '' }: TellAsk,
): AsyncGenerator<Told, void, void> {
  const text = createText(had);
  let job = start;
  for await (const followed of follow(deps, start, { from: null, signal: gone })) {
    if (followed.kind === 'job') {
      if (followed.job.attempt > job.attempt) text.beginAnew();
      job = followed.job;
      yield { kind: 'nothing' };
    } else if (followed.kind === 'delta') {
      const next = text.hear(followed.text);
      if (next === 'otherwise') return yield { kind: 'otherwise' };
      if (next !== '') yield { kind: 'text', job, text: next };
    }
    if (deps.clock.nowMs() >= endMs && !isTerminal(job)) return yield { kind: 'late' };
  }
  if (gone.aborted) return;
  const isWritten = job.status === 'succeeded' && job.outputs[0]?.type === 'text';
  const rest = isWritten ? text.rest(await textOf(deps, job)) : '';
  if (rest === 'otherwise') return yield { kind: 'otherwise' };
  if (rest !== '') yield { kind: 'text', job, text: rest };
  yield { kind: 'end', job };
}

/** The whole text of a job that succeeded. Throws `not_found` where it is past its retention. */
export async function textOf({ blobs }: ApiDeps, job: JobRecord): Promise<string> {
  const text = await answerTextOf(job, (path) => blobs.get(job.tenantId, path));
  if (text === null) throw new AppError('not_found', { publicMessage: 'The text of the job is gone.' });
  return text;
}

/** What the client has of the text, beside what the present attempt has said. */
function createText(had: string) {
  let told = had;
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
