/**
 * Answers that come bit by bit, as server-sent events (WHATWG HTML, section 9.2). A stream holds one of its tenant's places
 * (`place.ts`) from before its first byte until it ends.
 */
import { streamLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';

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

/** What a source has to say now; null: nothing, but it lives. */
export type Said = ServerEvent | null;

/**
 * The text of what the source says, with a ping where it says nothing for `streamLimits.pingMs`. The source must come
 * round every few seconds, with or without a word. One that fails ends the stream: its client sees no end and asks again.
 */
export async function* eventLines(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
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
