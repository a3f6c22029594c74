/** A job's text for a client of OpenAI, as it is written: chunks, and `[DONE]` or an error at last. */
import { presentError } from '#core/api/error-resource.ts';
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { Accepted } from '../../accepted.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { HeldPlace, Said } from '../../event-stream.ts';
import { EventStream, eventLines } from '../../event-stream.ts';
import type { DialectCall } from '../submitted.ts';
import { toldText } from '../told-text.ts';
import { abandon, failureOf, tooLate } from './succeeded.ts';

/** The events of one dialect's stream. */
export interface Chunks {
  /** Before any text; null: nothing is. */
  opening(job: JobRecord): unknown;
  text(job: JobRecord, text: string): unknown;
  /** After all text. */
  closing(job: JobRecord): readonly unknown[];
}

/** A stream of the job's text. One that ends before the job has cancels it. */
export function textStream(
  deps: ApiDeps,
  call: DialectCall,
  accepted: Accepted,
  chunks: Chunks,
  place: HeldPlace,
): EventStream {
  const end = { isReached: false };
  const source = eventLines(deps, saidOf(deps, call, accepted.job, chunks, end));
  return new EventStream(source, async () => {
    await place.release();
    if (!end.isReached) await abandon(deps, accepted);
  });
}

async function* saidOf(
  deps: ApiDeps,
  call: DialectCall,
  start: JobRecord,
  chunks: Chunks,
  end: { isReached: boolean },
): AsyncGenerator<Said, void, void> {
  const endMs = deps.clock.nowMs() + Math.min(call.remainingMs, streamLimits.longestMs);
  const failed = (error: AppError) => dataOf(presentError(error, call.requestId).body);
  const opening = chunks.opening(start);
  if (opening !== null) yield dataOf(opening);
  for await (const told of toldText(deps, start, { endMs, gone: call.gone })) {
    switch (told.kind) {
      case 'nothing':
        yield null;
        break;
      case 'text':
        yield dataOf(chunks.text(told.job, told.text));
        break;
      case 'otherwise':
        return yield failed(restarted());
      case 'late':
        return yield failed(tooLate());
      case 'end': {
        end.isReached = true;
        const failure = failureOf(told.job);
        if (failure !== null) return yield failed(failure);
        for (const chunk of chunks.closing(told.job)) yield dataOf(chunk);
        yield { data: '[DONE]' };
      }
    }
  }
}

function dataOf(chunk: unknown): Said {
  return { data: JSON.stringify(chunk) };
}

function restarted(): AppError {
  const publicMessage =
    'The worker was lost while it answered, and its successor answers otherwise. Send the request again.';
  return new AppError('unavailable', { publicMessage });
}
