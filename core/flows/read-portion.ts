/**
 * What a job says, in portions, for a reader who cannot say how much of it it has: a mark remembers. Each portion is
 * given to one request. It is marked before it is answered, so a crash, or a client that hangs up, in between loses it to
 * the stream; the result has all of it.
 *
 * An attempt that begins anew goes on where its text is the same, as it mostly is with a seed; where it is not, nothing
 * more is told.
 */
import { answerTextOf } from '../chat/answer-text.ts';
import type { JobOutput, JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import type { Blobs } from '../ports/blobs.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Mark, Marks } from '../ports/marks.ts';
import type { Clock, Ids } from '../ports/process.ts';
import type { JobEvents } from '../ports/streams.ts';
import type { TextPosition } from '../stream/text-piece.ts';
import { positionText, readPosition } from '../stream/text-piece.ts';
import { follow } from './follow.ts';
import { spokenBefore } from './spoken.ts';

export interface PortionPorts {
  readonly blobs: Pick<Blobs, 'get'>;
  readonly clock: Clock;
  readonly ids: Pick<Ids, 'nonce'>;
  readonly jobEvents: Pick<JobEvents, 'read'>;
  readonly jobs: Pick<Jobs, 'get'>;
  readonly marks: Marks;
}

export type Portion =
  /** With no text and no outputs: nothing is new, and once the job has ended nothing ever will be. */
  | {
      readonly kind: 'portion';
      readonly job: JobRecord;
      readonly text: string;
      /** Numbers of outputs that are files, told once the job has succeeded. */
      readonly outputs: readonly number[];
    }
  /** The job writes otherwise than its reader was told. */
  | { readonly kind: 'otherwise' };

export interface PortionAsk {
  /** Until when something new is waited for. */
  readonly endMs: number;
  readonly gone: AbortSignal;
}

/** Requests at once lose to each other; more than a few for one job is nobody's stream. */
const triesMax = 8;

export async function readPortion(ports: PortionPorts, job: JobRecord, ask: PortionAsk): Promise<Portion> {
  const { tenantId, jobId } = job;
  const name = `stream-${jobId}`;
  const writer = ports.ids.nonce();
  let [latest, taken]: [JobRecord, Portion | null] = [job, null];
  for (let tries = 0; tries < triesMax; tries += 1) {
    const mark = await ports.marks.get(tenantId, name);
    const { position: had, writers } = readMark(mark);
    // A write that was sent twice, because its answer got lost, is refused the second time.
    if (taken !== null && writers.includes(writer)) return taken;
    const begins = had ?? { attempt: latest.attempt, at: 0 };
    const next = await portionAfter(ports, latest, begins, ask);
    if (next.kind === 'otherwise' || (next.text === '' && next.outputs.length === 0)) return next;
    const { position, ...portion } = next;
    const stored = await ports.marks.put({
      tenantId,
      name,
      text: [positionText(position), writer, ...writers].slice(0, 1 + triesMax).join(' '),
      untilMs: Math.ceil((ports.clock.nowMs() + job.retentionMs) / 1000) * 1000,
      version: (mark?.version ?? 0) + 1,
    });
    if (stored === 'stored') return portion;
    [latest, taken] = [next.job, portion];
  }
  return { kind: 'portion', job: latest, text: '', outputs: [] };
}

/** Up to where portions were taken, and by which of the last requests. */
function readMark(mark: Mark | null): { position: TextPosition | null; writers: string[] } {
  const [position = '', ...writers] = (mark?.text ?? '').split(' ');
  return { position: readPosition(position), writers };
}

type Next =
  | (Extract<Portion, { kind: 'portion' }> & { readonly position: TextPosition })
  | Extract<Portion, { kind: 'otherwise' }>;

async function portionAfter(
  ports: PortionPorts,
  start: JobRecord,
  had: TextPosition,
  ask: PortionAsk,
): Promise<Next> {
  const begins = had.attempt === start.attempt ? had : { attempt: start.attempt, at: 0 };
  const { job, text: heard } = await listen(ports, start, begins, ask);
  if (job.status === 'succeeded' && !isText(job)) return filesAfter(job, had);
  // A later attempt has begun, and this one said nothing more.
  if (job.attempt !== begins.attempt) return portionAfter(ports, job, had, ask);
  const told = begins === had || had.at === 0 ? '' : await spokenBefore(ports, job, had);
  if (told === null) return { kind: 'otherwise' };
  const whole = job.status === 'succeeded' ? await wholeOf(ports, job) : null;
  const text = whole === null ? heard : whole.slice(begins.at);
  if (whole === null && text.length < told.length && told.startsWith(text))
    return { kind: 'portion', job, text: '', outputs: [], position: had };
  if (!text.startsWith(told)) return { kind: 'otherwise' };
  return {
    kind: 'portion',
    job,
    text: text.slice(told.length),
    outputs: [],
    position: { attempt: begins.attempt, at: begins.at + text.length },
  };
}

/** What one attempt says after the position: as much as is there, or the first that comes. */
async function listen(
  ports: PortionPorts,
  start: JobRecord,
  from: TextPosition,
  { endMs, gone }: PortionAsk,
): Promise<{ readonly job: JobRecord; readonly text: string }> {
  let [job, text, heardAtMs] = [start, '', Number.POSITIVE_INFINITY];
  for await (const followed of follow(ports, start, { from, signal: gone })) {
    const nowMs = ports.clock.nowMs();
    if (followed.kind === 'job') {
      if (followed.job.attempt !== from.attempt && text !== '') break;
      job = followed.job;
      if (job.attempt !== from.attempt) break;
    } else if (followed.kind === 'delta') {
      text += followed.text;
      heardAtMs = Math.min(heardAtMs, nowMs);
    }
    // What was there came at one instant; what comes later is the next request's.
    if (nowMs > heardAtMs || (nowMs >= endMs && !isTerminal(job))) break;
  }
  return { job, text };
}

function filesAfter(job: JobRecord, { at }: TextPosition): Next {
  const outputs = job.outputs.map((_, index) => index).slice(at);
  const position = { attempt: job.attempt, at: job.outputs.length };
  return { kind: 'portion', job, text: '', outputs, position };
}

function isText({ outputs }: { readonly outputs: readonly JobOutput[] }): boolean {
  return outputs[0]?.type === 'text';
}

/** Nothing where its file is past its retention. */
async function wholeOf({ blobs }: PortionPorts, job: JobRecord): Promise<string | null> {
  return answerTextOf(job, (path) => blobs.get(job.tenantId, path));
}
