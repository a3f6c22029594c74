/**
 * The time of a refused key: whatever was read, compared and decoded on the way, its answer leaves on a beat that
 * began with the request. What a key costs differs by fractions of a millisecond between one that is stored and one
 * that is not, which a patient caller could measure and which no care in the code takes away below the store.
 */
import { apiLimits } from '#core/limits.ts';
import type { Clock } from '#core/ports/process.ts';
import type { ApiHandler } from './handler.ts';

/** Answers 401 at a whole multiple of {@link apiLimits.refusalPaceMs}, and everything else at once. */
export function paceRefusals(handler: ApiHandler, clock: Clock): ApiHandler {
  return async (event, context) => {
    const ended = new AbortController();
    // Armed before anything is known of the key: a pause that began after the look-up would carry its time along.
    const beat = startBeat(clock, ended.signal);
    try {
      const answer = await handler(event, context);
      if (answer.statusCode === 401) await beat.next();
      return answer;
    } finally {
      ended.abort();
    }
  };
}

function startBeat(clock: Clock, ended: AbortSignal): { next(): Promise<void> } {
  let next = Promise.resolve();
  const arm = () => {
    if (ended.aborted) return;
    next = clock.sleep(apiLimits.refusalPaceMs, ended);
    void next.then(arm);
  };
  arm();
  return { next: () => next };
}
