/**
 * Answers that come bit by bit, as server-sent events (WHATWG HTML, section 9.2). A stream holds one of its tenant's places
 * from before its first byte until it ends, however it ends.
 */
import { AppError } from '#core/errors.ts';
import { streamLimits } from '#core/limits.ts';
import type { Clock, Ids, Log } from '#core/ports/process.ts';
import type { Streams } from '#core/ports/streams.ts';

export interface ServerEvent {
  readonly event?: string;
  /** Where a client may come back to. */
  readonly id?: string;
  readonly data: string;
}

/** Comments: readers of streams pass over them, and whatever stands in between sees that the stream lives. */
const ping = ': ping\n\n';

/** Every line break of `data` is one to its reader, which knows but one kind of them. */
export function eventText({ event, id, data }: ServerEvent): string {
  return [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
    ...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`),
    '\n',
  ].join('\n');
}

/** A body that is sent as it comes. Whoever takes it must `end` it, read or not. */
export class EventStream {
  readonly #source: AsyncGenerator<string, void, void>;
  readonly #onEnd: () => Promise<void>;

  constructor(source: AsyncGenerator<string, void, void>, onEnd: () => Promise<void>) {
    this.#source = source;
    this.#onEnd = onEnd;
  }

  get lines(): AsyncIterable<string> {
    return this.#source;
  }

  /** Stops the source and gives its place back. */
  async end(): Promise<void> {
    try {
      await this.#source.return();
    } finally {
      await this.#onEnd();
    }
  }
}

/** When a stream ends that its job does not end: as its call must, or once it has lasted long enough. */
export function streamEndMs({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }, endsAtMs: number): number {
  return Math.min(clock.nowMs() + streamLimits.longestMs, endsAtMs);
}

export interface StreamDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly streams: Streams;
}

/** A place among the tenant's open streams. */
export interface HeldPlace {
  release(): Promise<void>;
}

/** Throws `concurrency_limit` when the tenant has `streamLimits.openMax` open. */
export async function takePlace(
  { clock, ids, log, streams }: StreamDeps,
  tenantId: string,
): Promise<HeldPlace> {
  const [streamId, nowMs] = [ids.nonce(), clock.nowMs()];
  const place = { max: streamLimits.openMax, nowMs, untilMs: nowMs + streamLimits.placeMs };
  if ((await streams.open(tenantId, streamId, place)) === 'full') {
    const publicMessage = `The tenant has ${streamLimits.openMax} streams open. It clears when one of them ends.`;
    throw new AppError('concurrency_limit', { publicMessage, retryAfterSeconds: 1 });
  }
  return {
    async release() {
      try {
        await streams.close(tenantId, streamId);
      } catch (error) {
        // Nothing is lost but the place, and that for a while.
        log.warn('stream.place_kept', { tenantId, reason: String(error) });
      }
    },
  };
}

/** What a source has to say now; null: nothing, but it lives. */
export type Said = ServerEvent | null;

/**
 * The text of what the source says, with a ping where it says nothing for `streamLimits.pingMs`. The source must come
 * round every few seconds, with or without a word. One that fails ends the stream: its client sees no end and asks again.
 */
export async function* eventLines(
  { clock, log }: Pick<StreamDeps, 'clock' | 'log'>,
  source: AsyncIterable<Said>,
): AsyncGenerator<string, void, void> {
  let saidAtMs = clock.nowMs();
  try {
    for await (const said of source) {
      const nowMs = clock.nowMs();
      if (said === null && nowMs - saidAtMs < streamLimits.pingMs) continue;
      saidAtMs = nowMs;
      yield said === null ? ping : eventText(said);
    }
  } catch (error) {
    log.error('stream.broken', { reason: error instanceof Error ? error.name : 'unknown' });
  }
}
