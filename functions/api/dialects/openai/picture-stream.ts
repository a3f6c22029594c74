/** A job's pictures for a client of OpenAI: how the first one looks while it is drawn, and then all of them. */
import { presentError } from '#core/api/error-resource.ts';
import { isDuePartial, toCompletedEvent, toPartialEvent } from '#core/dialects/openai/images.ts';
import { AppError } from '#core/errors.ts';
import { follow } from '#core/flows/follow.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said, ServerEvent } from '../../event-stream.ts';
import { endMsOf } from '../../time-left.ts';
import { failureOf } from '../failure.ts';
import type { DialectCall } from '../submitted.ts';
import type { SaidOf, StreamEnd } from './job-stream.ts';
import { tooLate } from './succeeded.ts';

/** @param partialImages at most so many pictures before the finished ones; a later attempt adds none to them */
export function picturesSaid(deps: ApiDeps, call: DialectCall, partialImages: number): SaidOf {
  return ({ job }, end) => saidOf(deps, call, { start: job, partialImages, end });
}

async function* saidOf(
  deps: ApiDeps,
  call: DialectCall,
  {
    start,
    partialImages,
    end,
  }: { readonly start: JobRecord; readonly partialImages: number; readonly end: StreamEnd },
): AsyncGenerator<Said, void, void> {
  const endMs = endMsOf(deps, call, streamLimits.longestMs);
  const failed = (error: AppError): Said => ({
    data: JSON.stringify(presentError(error, call.requestId).body),
  });
  let job = start;
  let told = 0;
  for await (const followed of follow(deps, start, { from: null, signal: call.gone })) {
    if (followed.kind === 'job') job = followed.job;
    if (followed.kind === 'preview' && isDuePartial(followed.preview, told, partialImages)) {
      yield eventOf(toPartialEvent(job, followed.preview, told));
      told += 1;
    } else yield null;
    if (deps.clock.nowMs() >= endMs && !isTerminal(job)) return yield failed(tooLate());
  }
  if (call.gone.aborted) return;
  end.isReached = true;
  const failure = failureOf(job);
  if (failure !== null) return yield failed(failure);
  for (const index of job.outputs.keys()) {
    yield eventOf(toCompletedEvent(job, index, await bytesOf(deps, job, index)));
  }
}

function eventOf(told: { readonly type: string }): ServerEvent {
  return { event: told.type, data: JSON.stringify(told) };
}

/** A picture of a job that succeeded. Throws `not_found` where it is past its retention. */
export async function bytesOf({ blobs }: ApiDeps, job: JobRecord, index: number): Promise<Uint8Array> {
  const file = await blobs.get(job.tenantId, job.outputs[index]?.path ?? '');
  if (file === null) throw gone();
  return file;
}

/** The job is past its retention, and its files with it. */
export function gone(): AppError {
  return new AppError('not_found', { publicMessage: 'The pictures of the job are gone.' });
}
