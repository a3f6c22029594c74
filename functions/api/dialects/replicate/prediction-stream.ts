/**
 * A prediction as Replicate streams it: its text as it is written, or links to its files, and how it ended. The id of an
 * event says which attempt spoke and how much of its text, or how many links, the reader has with it: a reader that comes
 * back is told the rest.
 */
import { AppError } from '#core/errors.ts';
import { spokenBefore } from '#core/flows/spoken.ts';
import { tellOutputs } from '#core/flows/tell-outputs.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { TextPosition } from '#core/stream/text-piece.ts';
import { positionText } from '#core/stream/text-piece.ts';
import type { ApiDeps } from '../../api-deps.ts';
import type { Said } from '../../event-stream.ts';
import { doneId, noSuchEvent } from '../../last-event-id.ts';
import { endMsOf } from '../../time-left.ts';
import type { TellAsk } from '../told-text.ts';
import { textOf, toldText } from '../told-text.ts';
import { outputLinks } from './output-links.ts';

const late = 'The stream has lasted as long as it may. The prediction goes on: read it by its id.';
const otherwise = 'The worker was lost, and its successor writes otherwise. Read the prediction by its id.';

/** What a reader has of a prediction when its stream begins. */
export interface Had {
  readonly attempt: number;
  readonly text: string;
  readonly links: number;
}

/**
 * What a reader has that comes back to this position; null: nothing yet. Throws `invalid_request` where no event stood
 * there, or where what came before it is no longer kept.
 */
export async function hadAt(deps: ApiDeps, job: JobRecord, position: TextPosition | null): Promise<Had> {
  if (position === null) return { attempt: job.attempt, text: '', links: 0 };
  const { attempt, at } = position;
  const hasSucceeded = job.status === 'succeeded';
  if (hasSucceeded && job.outputs[0]?.type !== 'text') {
    if (at > job.outputs.length) throw noSuchEvent();
    return { attempt, text: '', links: at };
  }
  const isWhole = hasSucceeded && attempt === job.attempt;
  const text = isWhole ? (await textOf(deps, job)).slice(0, at) : await spokenBefore(deps, job, position);
  if (text?.length !== at) throw noSuchEvent();
  return { attempt, text, links: 0 };
}

type StreamAsk = Pick<TellAsk, 'gone'> & {
  readonly apiUrl: string;
  readonly endsAtMs: number;
  readonly had: Had;
};

/** Every event has an id: the client of PyPI passes over those that have none. */
export async function* predictionEvents(
  deps: ApiDeps,
  job: JobRecord,
  { apiUrl, endsAtMs, gone, had }: StreamAsk,
): AsyncGenerator<Said, void, void> {
  const endMs = endMsOf(deps, { endsAtMs }, streamLimits.longestMs);
  let position: TextPosition = { attempt: had.attempt, at: had.text.length + had.links };
  for await (const told of toldText(deps, job, { endMs, gone, had: had.text })) {
    switch (told.kind) {
      case 'nothing':
        yield null;
        break;
      case 'text':
        position = { attempt: told.job.attempt, at: position.at + told.text.length };
        yield { event: 'output', id: positionText(position), data: told.text };
        break;
      case 'otherwise':
      case 'late':
        yield failed(told.kind === 'late' ? late : otherwise, position);
        return yield done('error', positionText(position));
      case 'end':
        yield* endOf(deps, told.job, { position, apiUrl });
    }
  }
}

/** @param position what the reader has of the job's text or links */
async function* endOf(
  deps: ApiDeps,
  job: JobRecord,
  { position, apiUrl }: { readonly position: TextPosition; readonly apiUrl: string },
): AsyncGenerator<Said, void, void> {
  if (job.status === 'canceled') return yield done('canceled');
  if (job.status !== 'succeeded') {
    yield failed(job.error?.message ?? 'The prediction ended without a result.', position);
    return yield done('error');
  }
  const outputs = await tellOutputs(deps, job, outputLinks(deps, apiUrl));
  if (outputs === null) throw new AppError('not_found', { privateDetail: 'the files of the job are gone' });
  for (const [index, output] of outputs.entries()) {
    if (output.type !== 'image' || index < position.at) continue;
    const id = positionText({ attempt: job.attempt, at: index + 1 });
    yield { event: 'output', id, data: output.url };
  }
  yield done();
}

/** Clients throw what an `error` says, and read no further. */
function failed(message: string, position: TextPosition): Said {
  return { event: 'error', id: positionText(position), data: message };
}

/** @param id of a stream that ends before its prediction, where a reader may go on */
function done(reason?: 'canceled' | 'error', id: string = doneId): Said {
  return { event: 'done', id, data: JSON.stringify(reason === undefined ? {} : { reason }) };
}
