import { falHeadersOf } from '../dialects/fal/requests.ts';
import { statusEvents } from '../dialects/fal/streams.ts';
import { EventStream, eventLines } from '../event-stream.ts';
import { findJob } from '../find-job.ts';
import { takePlace } from '../place.ts';
import type { RouteHandler } from '../route-handler.ts';

export const falStreamStatus: RouteHandler<'falStreamStatus'> = async (deps, call) => {
  const { tenantId } = call.caller.tenant;
  const job = await findJob(deps, tenantId, call.params.id);
  const place = await takePlace(deps, tenantId);
  const logs = call.query.logs === '1' || call.query.logs === 'true';
  const said = statusEvents(deps, job, { ...call, logs });
  return {
    status: 200,
    headers: falHeadersOf(job),
    body: new EventStream(eventLines(deps, said), place.release),
  };
};
