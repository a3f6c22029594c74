/** A prediction as Replicate streams it: its text as it is written, or links to its files, and how it ended. */
import { AppError } from '#core/errors.ts';
import { tellOutputs } from '#core/flows/tell-outputs.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said } from '../../event-stream.ts';
import type { TellAsk } from '../told-text.ts';
import { toldText } from '../told-text.ts';

const late = 'The stream has lasted as long as it may. The prediction goes on: read it by its id.';
const otherwise = 'The worker was lost, and its successor writes otherwise. Read the prediction by its id.';

type StreamAsk = Pick<TellAsk, 'gone'> & { readonly remainingMs: number };

/** Each with its number for an id: the client of PyPI passes over events that have none. Nobody comes back to one. */
export async function* predictionEvents(
  deps: ApiDeps,
  job: JobRecord,
  ask: StreamAsk,
): AsyncGenerator<Said, void, void> {
  let count = 0;
  for await (const said of eventsOf(deps, job, ask)) {
    if (said !== null) count += 1;
    yield said === null ? null : { ...said, id: String(count) };
  }
}

async function* eventsOf(
  deps: ApiDeps,
  job: JobRecord,
  { remainingMs, gone }: StreamAsk,
): AsyncGenerator<Said, void, void> {
  const endMs = deps.clock.nowMs() + Math.min(remainingMs, streamLimits.longestMs);
  for await (const told of toldText(deps, job, { endMs, gone })) {
    switch (told.kind) {
      case 'nothing':
        yield null;
        break;
      case 'text':
        yield { event: 'output', data: told.text };
        break;
      case 'otherwise':
        return yield* failed(otherwise);
      case 'late':
        return yield* failed(late);
      case 'end':
        yield* endOf(deps, told.job);
    }
  }
}

async function* endOf(deps: ApiDeps, job: JobRecord): AsyncGenerator<Said, void, void> {
  if (job.status === 'canceled') return yield done('canceled');
  if (job.status !== 'succeeded') {
    return yield* failed(job.error?.message ?? 'The prediction ended without a result.');
  }
  const outputs = await tellOutputs(deps, job);
  if (outputs === null) throw new AppError('not_found', { privateDetail: 'the files of the job are gone' });
  for (const output of outputs) if (output.type === 'image') yield { event: 'output', data: output.url };
  yield done();
}

/** Clients throw what an `error` says, and read no further. */
function* failed(message: string): Generator<Said, void, void> {
  yield { event: 'error', data: message };
  yield done('error');
}

function done(reason?: 'canceled' | 'error'): Said {
  return { event: 'done', data: JSON.stringify(reason === undefined ? {} : { reason }) };
}
