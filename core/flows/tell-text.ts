/**
 * What streamed jobs say while they run, from the runner into `JobEvents`: the first words at once, what follows merged
 * to a piece every `streamLimits.mergeMs`. Jobs that nobody asked to stream cost nothing.
 *
 * Nothing depends on it: a piece that cannot be written is tried a few times and then given up for its whole attempt, so
 * that what is there never has a hole in its middle. The result holds the whole text, and a follower is told the rest
 * from there.
 */
import type { JobRecord } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import { streamLimits } from '../limits.ts';
import type { Clock, JobEvents, Log } from '../ports.ts';
import type { TextPiece } from '../stream/text-piece.ts';
import { firstPieceOf } from '../stream/text-piece.ts';

export interface TellPorts {
  readonly clock: Clock;
  readonly jobEvents: Pick<JobEvents, 'append'>;
  readonly log: Log;
}

export interface Telling {
  onDelta(jobId: string, text: string): void;
  /** Resolves once all that the job said is written, or given up: to be awaited before its attempt ends. */
  finish(job: JobRecord): Promise<void>;
}

interface Voice {
  readonly job: JobRecord;
  /** Characters written. */
  at: number;
  /** Said and not written. */
  unsaid: string;
  /** When a piece was last written; before that, long ago. */
  writtenAtMs: number;
  writing: Promise<void> | null;
  isLost: boolean;
  /** Aborts when nothing more is said. */
  readonly finished: AbortController;
}

export function startTelling(ports: TellPorts, jobs: readonly JobRecord[]): Telling {
  const voices = new Map(
    jobs.filter(({ streamed }) => streamed).map((job): [string, Voice] => [job.jobId, voiceOf(job)]),
  );
  return {
    onDelta(jobId, text) {
      const voice = voices.get(jobId);
      if (voice === undefined || voice.isLost || text === '') return;
      voice.unsaid += text;
      voice.writing ??= write(ports, voice).finally(() => {
        voice.writing = null;
      });
    },
    async finish({ jobId }) {
      const voice = voices.get(jobId);
      if (voice === undefined) return;
      voices.delete(jobId);
      voice.finished.abort();
      await voice.writing;
      if (!voice.isLost) await append(ports, voice, '', true);
    },
  };
}

function voiceOf(job: JobRecord): Voice {
  return {
    job,
    at: 0,
    unsaid: '',
    writtenAtMs: Number.NEGATIVE_INFINITY,
    writing: null,
    isLost: false,
    finished: new AbortController(),
  };
}

async function write(ports: TellPorts, voice: Voice): Promise<void> {
  while (voice.unsaid !== '' && !voice.isLost) {
    const pauseMs = voice.writtenAtMs + streamLimits.mergeMs - ports.clock.nowMs();
    if (pauseMs > 0) await ports.clock.sleep(pauseMs, voice.finished.signal);
    await writeAll(ports, voice);
  }
}

/** All that was said by now; what is said meanwhile is merged with what follows. */
async function writeAll(ports: TellPorts, voice: Voice): Promise<void> {
  voice.writtenAtMs = ports.clock.nowMs();
  let { unsaid } = voice;
  while (unsaid !== '' && !voice.isLost) {
    const text = firstPieceOf(unsaid);
    await append(ports, voice, text, false);
    unsaid = unsaid.slice(text.length);
    voice.unsaid = voice.unsaid.slice(text.length);
  }
}

/** A piece that is tried again says the same: the write before may have come through. */
async function append(ports: TellPorts, voice: Voice, text: string, isLast: boolean): Promise<void> {
  const { tenantId, jobId, attempt } = voice.job;
  const piece: TextPiece = { attempt, at: voice.at, text, isLast, toldAtMs: ports.clock.nowMs() };
  for (let tries = 1; ; tries += 1) {
    try {
      await ports.jobEvents.append(tenantId, jobId, piece);
      voice.at += text.length;
      return;
    } catch (error) {
      if (tries < streamLimits.triesMax) {
        await ports.clock.sleep(streamLimits.retryMs * tries);
        continue;
      }
      ports.log.warn('stream.untold', { ...jobNames(voice.job), attempt, reason: String(error) });
      voice.isLost = true;
      voice.unsaid = '';
      return;
    }
  }
}
