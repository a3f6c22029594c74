/** What fal's streams tell: how a request stands, and what it makes, as far as it is. */
import { presentError } from '#core/api/error-resource.ts';
import { presentPart } from '#core/dialects/fal/result.ts';
import { AppError } from '#core/errors.ts';
import { follow } from '#core/flows/follow.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said } from '../../event-stream.ts';
import { HeadedError } from '../../headed-error.ts';
import { endMsOf } from '../../time-left.ts';
import { toldText } from '../told-text.ts';
import { falResult, falStatus } from './requests.ts';

interface StreamCall {
  readonly apiUrl: string;
  readonly endsAtMs: number;
  readonly gone: AbortSignal;
  readonly requestId: string;
}

/** Each status that differs from the one before, to `COMPLETED`. */
export async function* statusEvents(
  deps: ApiDeps,
  job: JobRecord,
  { apiUrl, endsAtMs, gone, logs }: StreamCall & { readonly logs: boolean },
): AsyncGenerator<Said, void, void> {
  const endMs = endMsOf(deps, { endsAtMs }, streamLimits.longestMs);
  let told = '';
  for await (const followed of follow(deps, job, { from: null, signal: gone })) {
    if (followed.kind !== 'job') continue;
    const data = JSON.stringify(await falStatus(deps, followed.job, { apiUrl, logs }));
    yield data === told ? null : { data };
    told = data;
    if (deps.clock.nowMs() >= endMs) return;
  }
}

/**
 * The text so far whenever there is more of it, and the result. Clients of the original take every event for a result, so
 * one that says why there is none is told as an error in JSON.
 */
export async function* resultEvents(
  deps: ApiDeps,
  job: JobRecord,
  call: StreamCall,
  onEnd: () => void,
): AsyncGenerator<Said, void, void> {
  const ask = { endMs: endMsOf(deps, call, streamLimits.longestMs), gone: call.gone };
  let output = '';
  for await (const told of toldText(deps, job, ask)) {
    switch (told.kind) {
      case 'nothing':
        yield null;
        break;
      case 'text':
        output += told.text;
        yield dataOf(presentPart(output));
        break;
      case 'otherwise':
      case 'late':
        return yield failed(new AppError('unavailable'), call);
      case 'end':
        onEnd();
        yield await resultOf(deps, told.job, call);
    }
  }
}

async function resultOf(deps: ApiDeps, job: JobRecord, call: StreamCall): Promise<Said> {
  try {
    return dataOf(await falResult(deps, job));
  } catch (thrown) {
    const error = thrown instanceof HeadedError ? thrown.error : thrown;
    if (error instanceof AppError) return failed(error, call);
    throw error;
  }
}

function failed(error: AppError, { requestId }: StreamCall): Said {
  return dataOf(presentError(error, requestId).body);
}

function dataOf(value: unknown): Said {
  return { data: JSON.stringify(value) };
}
