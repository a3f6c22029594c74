/**
 * Follows a job to its end: its record as it changes and, of a job that is streamed, what it says and shows as it is
 * written. The record alone says how a job stands; pieces only come before it. So whatever was lost, said twice or said by
 * an attempt that is no more, a follower that goes on to the result ends with the text of the result.
 *
 * An attempt that is taken over or tried again begins its text anew: `job` then shows a higher attempt, and the deltas
 * that follow are that one's.
 */
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { apiLimits, streamLimits } from '../limits.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Clock } from '../ports/process.ts';
import type { JobEvents } from '../ports/streams.ts';
import type { Preview, TextPiece, TextPosition } from '../stream/text-piece.ts';
import { lengthOf } from '../stream/text-piece.ts';

export interface FollowPorts {
  readonly clock: Clock;
  readonly jobs: Pick<Jobs, 'get'>;
  readonly jobEvents: Pick<JobEvents, 'read'>;
}

export type Followed =
  /** The record as it was just read: first of all, then from time to time, and last as it ended. */
  | { readonly kind: 'job'; readonly job: JobRecord }
  /** `position`: with this text. */
  | { readonly kind: 'delta'; readonly text: string; readonly position: TextPosition }
  /** `position`: with this preview. */
  | { readonly kind: 'preview'; readonly preview: Preview; readonly position: TextPosition };

export interface FollowAsk {
  /** What the follower has already; null: nothing. */
  readonly from: TextPosition | null;
  /** Ends the following at once, also in the middle of a wait. */
  readonly signal: AbortSignal;
}

/** What a follower has and when it looks again. */
interface Eye {
  job: JobRecord;
  position: TextPosition;
  /** Nothing more of this attempt is to be told: it said its last, or a piece before what it says is gone. */
  isSilent: boolean;
  tailPauseMs: number;
  lookPauseMs: number;
  lookAtMs: number;
}

/** Ends after the job has, once all that it said is told, or when `signal` aborts. */
export async function* follow(
  ports: FollowPorts,
  job: JobRecord,
  { from, signal }: FollowAsk,
): AsyncGenerator<Followed, void, void> {
  const { clock } = ports;
  const eye = openEye(job, from, clock.nowMs());
  yield { kind: 'job', job };
  while (!signal.aborted) {
    // Of a record that has ended, all that there is to read was written before.
    const hasEnded = isTerminal(eye.job);
    for (const piece of await listen(ports, eye)) {
      const position = { attempt: piece.attempt, at: eye.position.at + lengthOf(piece) };
      eye.position = position;
      if (piece.preview === undefined) yield { kind: 'delta', text: piece.text, position };
      else yield { kind: 'preview', preview: piece.preview, position };
    }
    if (hasEnded) return;
    await clock.sleep(pauseMsOf(eye, clock.nowMs()), signal);
    if (signal.aborted || clock.nowMs() < eye.lookAtMs) continue;
    await look(ports, eye);
    yield { kind: 'job', job: eye.job };
  }
}

function openEye(job: JobRecord, from: TextPosition | null, nowMs: number): Eye {
  return {
    job,
    position: from !== null && from.attempt >= job.attempt ? from : { attempt: job.attempt, at: 0 },
    isSilent: !job.streamed,
    tailPauseMs: streamLimits.tailMsMin,
    lookPauseMs: apiLimits.pollMsMin,
    lookAtMs: nowMs + apiLimits.pollMsMin,
  };
}

function pauseMsOf(eye: Eye, nowMs: number): number {
  const lookMs = Math.max(0, eye.lookAtMs - nowMs);
  return mayListen(eye) ? Math.min(eye.tailPauseMs, lookMs) : lookMs;
}

/** A job that waits in its line says nothing. */
function mayListen({ job, isSilent }: Eye): boolean {
  return !isSilent && job.place.kind !== 'line';
}

/** What the attempt of the record has said beyond the position, to the last piece that is there. */
async function listen(ports: FollowPorts, eye: Eye): Promise<TextPiece[]> {
  const pieces: TextPiece[] = [];
  const { tenantId, jobId } = eye.job;
  let { attempt, at } = eye.position;
  for (let isMore = true; isMore && mayListen(eye); ) {
    const page = await ports.jobEvents.read(tenantId, jobId, { attempt, at }, streamLimits.readMax);
    for (const piece of page) {
      if (piece.attempt === attempt && piece.at === at && lengthOf(piece) > 0) {
        pieces.push(piece);
        at += lengthOf(piece);
      }
      if (piece.attempt !== attempt || piece.isLast) hush(eye);
      else if (piece.at + lengthOf(piece) !== at) eye.isSilent = true;
    }
    isMore = page.length === streamLimits.readMax;
  }
  if (pieces.length === 0) eye.tailPauseMs = Math.min(2 * eye.tailPauseMs, streamLimits.tailMsMax);
  else {
    eye.tailPauseMs = streamLimits.tailMsMin;
    // Of a picture the record says how far it is; a chat says so itself.
    const hasText = pieces.some(({ text }) => text !== '');
    if (hasText && !eye.isSilent) eye.lookPauseMs = streamLimits.lookMsMax;
  }
  return pieces;
}

/** This attempt is over, or a later one has begun: the record is about to say so, or says so already. */
function hush(eye: Eye): void {
  Object.assign(eye, { isSilent: true, lookPauseMs: apiLimits.pollMsMin, lookAtMs: 0 });
}

async function look({ clock, jobs }: FollowPorts, eye: Eye): Promise<void> {
  const { tenantId, jobId, attempt } = eye.job;
  // Silence says that the record changes: then a read that sees every write is worth its price.
  const read = await jobs.get(tenantId, jobId, { consistent: eye.job.streamed && eye.isSilent });
  eye.lookAtMs = clock.nowMs() + eye.lookPauseMs;
  const pauseMsMax = pauseMsMaxOf(read ?? eye.job, clock.nowMs());
  eye.lookPauseMs = Math.max(eye.lookPauseMs, Math.min(2 * eye.lookPauseMs, pauseMsMax));
  // One that lags shows what was known before, or nothing yet.
  if (read === null || read.attempt < attempt) return;
  if (eye.job.place.kind === 'line') eye.lookPauseMs = Math.min(eye.lookPauseMs, pauseMsMax);
  eye.job = read;
  if (read.attempt === attempt) return;
  eye.position = { attempt: read.attempt, at: 0 };
  eye.isSilent = !read.streamed;
}

/**
 * One that has just come may be the next to say something; who has waited long is told a little later that it begins, so
 * that hundreds who wait do not keep the store from those who work.
 */
function pauseMsMaxOf({ streamed, place, createdAtMs }: JobRecord, nowMs: number): number {
  if (!streamed || place.kind !== 'line') return apiLimits.pollMsMax;
  const waitedMs = Math.max(0, nowMs - createdAtMs);
  return Math.min(
    streamLimits.lookMsMax,
    Math.max(streamLimits.tailMsMax, waitedMs / streamLimits.waitedShare),
  );
}
