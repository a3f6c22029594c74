import { acceptedHeaders } from '../accepted.ts';
import { falHeadersOf, falSubmitted } from '../dialects/fal/requests.ts';
import { resultEvents } from '../dialects/fal/streams.ts';
import { abandon } from '../dialects/openai/succeeded.ts';

import { EventStream, eventLines } from '../event-stream.ts';
import { takePlace } from '../place.ts';
import type { RouteHandler } from '../route-handler.ts';

/** The place is taken first: a job that is accepted is followed. One whose stream ends before it is canceled. */
export const falStream: RouteHandler<'falStream'> = async (deps, call) => {
  const place = await takePlace(deps, call.caller.tenant.tenantId);
  try {
    const accepted = await falSubmitted(deps, call, { stream: true, webhook: null });
    let hasEnded = false;
    const said = resultEvents(deps, accepted.job, call, () => {
      hasEnded = true;
    });
    const body = new EventStream(eventLines(deps, said), async () => {
      await place.release();
      if (!hasEnded) await abandon(deps, accepted);
    });
    const headers = { ...acceptedHeaders(deps, call, accepted), ...falHeadersOf(accepted.job) };
    return { status: 200, headers, body };
  } catch (error) {
    await place.release();
    throw error;
  }
};
