/** Where the reader of a stream comes back to: the id of the last event that it saw. */
import { AppError } from '#core/errors.ts';
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import type { TextPosition } from '#core/stream/text-piece.ts';
import { readPosition } from '#core/stream/text-piece.ts';

/** Id of the last event. A reader that comes back with it has all that there is. */
export const doneId = 'done';

/** Null: it comes for the first time. Throws `invalid_request` for what no event of this job can have had for its id. */
export function readLastEventId(
  job: JobRecord,
  lastEventId: string | undefined,
): TextPosition | null | typeof doneId {
  if (lastEventId === undefined) return null;
  if (lastEventId === doneId && isTerminal(job)) return doneId;
  const position = readPosition(lastEventId);
  if (position !== null && position.attempt <= job.attempt) return position;
  throw noSuchEvent();
}

export function noSuchEvent(): AppError {
  const details = [{ path: 'last-event-id', message: 'is the id of no event of this job' }];
  return new AppError('invalid_request', { details });
}
