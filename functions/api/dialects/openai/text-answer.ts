/** A job's text for a client of OpenAI, as it is written: chunks, and `[DONE]` or an error at last. */
import { presentError } from '#core/api/error-resource.ts';
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said } from '../../event-stream.ts';
import { endMsOf } from '../../time-left.ts';
import { failureOf } from '../failure.ts';
import type { DialectCall } from '../submitted.ts';
import { toldText } from '../told-text.ts';
import type { SaidOf, StreamEnd } from './job-stream.ts';
import { tooLate } from './succeeded.ts';

/** The events of one dialect's stream. */
export interface Chunks {
  /** Before any text; null: nothing is. */
  opening(job: JobRecord): unknown;
  text(job: JobRecord, text: string): unknown;
  /** After all text. */
  closing(job: JobRecord): readonly unknown[];
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
  const endMs = endMsOf(deps, call, streamLimits.longestMs);
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
