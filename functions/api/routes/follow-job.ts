import type { Followed } from '#core/flows/follow.ts';
import { follow } from '#core/flows/follow.ts';
import type { JobRecord } from '#core/job/job.ts';
import { streamLimits } from '#core/limits.ts';
import type { Preview, TextPosition } from '#core/stream/text-piece.ts';
import { positionText } from '#core/stream/text-piece.ts';
import type { ApiDeps } from '../api-deps.ts';
import type { Said, ServerEvent } from '../event-stream.ts';
import { EventStream, eventLines } from '../event-stream.ts';
import { findJob } from '../find-job.ts';
import { jobHeaders, presentOneJob } from '../job-answer.ts';
import { doneId, readLastEventId } from '../last-event-id.ts';
import { takePlace } from '../place.ts';
import type { ApiCall, RouteHandler } from '../route-handler.ts';
import { endMsOf } from '../time-left.ts';

export const followJob: RouteHandler<'followJob'> = async (deps, call) => {
  const { tenantId } = call.caller.tenant;
  const job = await findJob(deps, tenantId, call.params.id);
  const from = readLastEventId(job, call.headers['last-event-id']);
  // As the specification has it, 204 tells a browser's reader to stop coming back.
  if (from === doneId) return { status: 204, headers: jobHeaders(job) };
  const place = await takePlace(deps, tenantId);
  const said = eventsOf(deps, call, job, from);
  return {
    status: 200,
    headers: jobHeaders(job),
    body: new EventStream(eventLines(deps, said), place.release),
  };
};

async function* eventsOf(
  deps: ApiDeps,
  { endsAtMs, gone }: ApiCall<'followJob'>,
  start: JobRecord,
  from: TextPosition | null,
): AsyncGenerator<Said, void, void> {
  const endMs = endMsOf(deps, { endsAtMs }, streamLimits.longestMs);
  const teller = createTeller(deps, start, from);
  for await (const followed of follow(deps, start, { from, signal: gone })) {
    yield* await teller.tell(followed);
    if (deps.clock.nowMs() >= endMs) return;
  }
  if (!gone.aborted) yield* await teller.end();
}

function presentPreview({ step, steps, width, height, contentType, body }: Preview) {
  const image = `data:${contentType};base64,${Buffer.from(body).toString('base64')}`;
  return { step, steps, width, height, image };
}

/** Turns what is followed into events: what did not change is told once. */
function createTeller(deps: ApiDeps, start: JobRecord, from: TextPosition | null) {
  let job = start;
  let position = from ?? { attempt: start.attempt, at: 0 };
  const told = { state: '', progress: '' };

  async function tellJob(): Promise<Said[]> {
    const said: Said[] = [];
    const shown = await presentOneJob(deps, job);
    const { reason, position: ahead } = shown.wait ?? {};
    const state = JSON.stringify([shown.status, shown.attempts, reason, ahead]);
    if (state !== told.state) {
      const { status, attempts: attempt, wait } = shown;
      said.push(event('state', { status, attempt, wait }));
    }
    const progress = JSON.stringify([shown.attempts, shown.progress]);
    if (progress !== told.progress && shown.progress !== null) said.push(event('progress', shown.progress));
    Object.assign(told, { state, progress });
    return said.length === 0 ? [null] : said;
  }

  function event(name: string, data: unknown, id = positionText(position)): ServerEvent {
    return { event: name, id, data: JSON.stringify(data) };
  }

  return {
    async tell(followed: Followed): Promise<Said[]> {
      if (followed.kind !== 'job') {
        position = followed.position;
        const { attempt } = position;
        return followed.kind === 'delta'
          ? [event('delta', { attempt, text: followed.text })]
          : [event('preview', { attempt, ...presentPreview(followed.preview) })];
      }
      job = followed.job;
      if (job.attempt > position.attempt) position = { attempt: job.attempt, at: 0 };
      return tellJob();
    },
    async end(): Promise<Said[]> {
      const shown = await presentOneJob(deps, job);
      return [
        ...shown.output.map((output, index) => event('output', { index, ...output })),
        ...(shown.error === null ? [] : [event('error', shown.error)]),
        event('done', shown, doneId),
      ];
    },
  };
}
