/**
 * What streamed jobs say and show while they run, from the runner into `JobEvents`. Text: the first words at once, what
 * follows merged to a piece every `streamLimits.mergeMs`. Previews: one write at a time, and of those that come meanwhile
 * the latest, `streamLimits.previewsMax` at most. Jobs that nobody asked to stream cost nothing.
 *
 * Nothing depends on it: a piece that cannot be written is tried a few times and then given up for its whole attempt, so
 * that what is there never has a hole in its middle. The result holds the whole text, and a follower is told the rest
 * from there.
 */
import type { JobRecord } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import { streamLimits } from '../limits.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { RunEvents } from '../ports/runner.ts';
import type { JobEvents } from '../ports/streams.ts';
import type { Preview, TextPiece } from '../stream/text-piece.ts';
import { firstPieceOf, lengthOf } from '../stream/text-piece.ts';

export interface TellPorts {
  readonly clock: Clock;
  readonly jobEvents: Pick<JobEvents, 'append'>;
  readonly log: Log;
}

export interface Telling {
  /** What to listen to: nothing where no job is streamed, so that runners do not show what nobody sees. */
  readonly events: Pick<RunEvents, 'onDelta' | 'onPreview'>;
  /**
   * Resolves once all that the job said is written, or given up: to be awaited before its attempt ends. A preview that
   * waits is dropped: the picture follows.
   */
  finish(job: JobRecord): Promise<void>;
}

interface Voice {
  readonly job: JobRecord;
  /** Characters and previews written. */
  at: number;
  /** Said and not written. */
  unsaid: string;
  /** Shown and not written. */
  unshown: Preview | null;
  /** Previews that may still be written. */
  previewsLeft: number;
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
  function tell(jobId: string, change: (voice: Voice) => void): void {
    const voice = voices.get(jobId);
    if (voice === undefined || voice.isLost) return;
    change(voice);
    voice.writing ??= write(ports, voice).finally(() => {
      voice.writing = null;
    });
  }
  const events: Telling['events'] = {
    onDelta: (jobId, text) =>
      tell(jobId, (voice) => {
        voice.unsaid += text;
      }),
    onPreview: (jobId, preview) =>
      tell(jobId, (voice) => {
        voice.unshown = voice.previewsLeft > 0 ? preview : null;
      }),
  };
  return {
    events: voices.size === 0 ? {} : events,
    async finish({ jobId }) {
      const voice = voices.get(jobId);
      if (voice === undefined) return;
      voices.delete(jobId);
      voice.unshown = null;
      voice.finished.abort();
      await voice.writing;
      if (!voice.isLost) await append(ports, voice, { text: '', isLast: true });
    },
  };
}

function voiceOf(job: JobRecord): Voice {
  return {
    job,
    at: 0,
    unsaid: '',
    unshown: null,
    previewsLeft: streamLimits.previewsMax,
    writtenAtMs: Number.NEGATIVE_INFINITY,
    writing: null,
    isLost: false,
    finished: new AbortController(),
  };
}

async function write(ports: TellPorts, voice: Voice): Promise<void> {
  while ((voice.unsaid !== '' || voice.unshown !== null) && !voice.isLost) {
    if (voice.unshown !== null) {
      await writePreview(ports, voice, voice.unshown);
      continue;
    }
    const pauseMs = voice.writtenAtMs + streamLimits.mergeMs - ports.clock.nowMs();
    if (pauseMs > 0) await ports.clock.sleep(pauseMs, voice.finished.signal);
    await writeAll(ports, voice);
  }
}

async function writePreview(ports: TellPorts, voice: Voice, preview: Preview): Promise<void> {
  voice.unshown = null;
  voice.previewsLeft -= 1;
  await append(ports, voice, { text: '', preview, isLast: false });
}

/** All that was said by now; what is said meanwhile is merged with what follows. */
async function writeAll(ports: TellPorts, voice: Voice): Promise<void> {
  voice.writtenAtMs = ports.clock.nowMs();
  let { unsaid } = voice;
  while (unsaid !== '' && !voice.isLost) {
    const text = firstPieceOf(unsaid);
    await append(ports, voice, { text, isLast: false });
    unsaid = unsaid.slice(text.length);
    voice.unsaid = voice.unsaid.slice(text.length);
  }
}

/** A piece that is tried again says the same: the write before may have come through. */
async function append(
  ports: TellPorts,
  voice: Voice,
  told: Pick<TextPiece, 'text' | 'preview' | 'isLast'>,
): Promise<void> {
  const { tenantId, jobId, attempt } = voice.job;
  const piece: TextPiece = { attempt, at: voice.at, ...told, toldAtMs: ports.clock.nowMs() };
  for (let tries = 1; ; tries += 1) {
    try {
      await ports.jobEvents.append(tenantId, jobId, piece);
      voice.at += lengthOf(piece);
      return;
    } catch (error) {
      if (tries < streamLimits.triesMax) {
        await ports.clock.sleep(streamLimits.retryMs * tries);
        continue;
      }
      ports.log.warn('stream.untold', { ...jobNames(voice.job), attempt, reason: String(error) });
      voice.isLost = true;
      Object.assign(voice, { unsaid: '', unshown: null });
      return;
    }
  }
}
