import { AppError } from '#core/errors.ts';
import { readPass } from '#core/stream/pass.ts';
import { hadAt, predictionEvents } from '../dialects/replicate/prediction-stream.ts';
import { EventStream, eventLines } from '../event-stream.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders } from '../job-answer.ts';
import { doneId, readLastEventId } from '../last-event-id.ts';
import { takePlace } from '../place.ts';
import type { RouteHandler } from '../route-handler.ts';

/** Whoever has the address has the pass. One that does not hold costs no read. */
export const replicateStreamPrediction: RouteHandler<'replicateStreamPrediction'> = async (deps, call) => {
  const pass = readPass(deps.keyPepper, 'stream', call.params.pass, deps.clock.nowMs());
  if (pass === null) throw new AppError('not_found');
  const job = await findJob(deps, pass.tenantId, pass.jobId);
  const from = readLastEventId(job, call.headers['last-event-id']);
  // As the specification has it, 204 tells a browser's reader to stop coming back.
  if (from === doneId) return { status: 204, headers: jobHeaders(job) };
  const had = await hadAt(deps, job, from);
  const place = await takePlace(deps, pass.tenantId);
  const said = predictionEvents(deps, job, { ...call, had });
  return {
    status: 200,
    headers: jobHeaders(job),
    body: new EventStream(eventLines(deps, said), place.release),
  };
};
