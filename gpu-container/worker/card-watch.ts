/** What the card of a worker does, as its driver says, twice a minute: how busy it is, and how full. */
import type { Metrics } from '#core/observability/metrics.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import type { CardReading } from '../runner-host/runner-host.ts';

const lookMs = 30_000;

export interface CardWatchOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly pool: string;
  /** Null where there is no card: then nothing is watched. */
  readonly readCard: () => Promise<CardReading | null>;
  readonly stopping: AbortSignal;
}

type Looked = 'seen' | 'not_seen' | 'no_card';

/** Resolves once `stopping` aborts, also while a driver hangs, or at once where there is no card. Never rejects. */
export async function watchCard(options: CardWatchOptions): Promise<void> {
  const { clock, stopping } = options;
  const stopped = new Promise<null>((resolve) => {
    if (stopping.aborted) resolve(null);
    else stopping.addEventListener('abort', () => resolve(null), { once: true });
  });
  let isWarned = false;
  while (!stopping.aborted) {
    const looked: Looked | null = await Promise.race([look(options, isWarned), stopped]);
    if (looked === null || looked === 'no_card') return;
    isWarned ||= looked === 'not_seen';
    await clock.sleep(lookMs, stopping);
  }
}

/** A driver that does not answer may answer the next time; one warning says that some looks found nothing. */
async function look({ log, metrics, pool, readCard }: CardWatchOptions, isWarned: boolean): Promise<Looked> {
  try {
    const reading = await readCard();
    if (reading === null) return 'no_card';
    const { busyPercent, memoryBytes } = reading;
    metrics.tell('card.seen', { card_busy_percent: busyPercent, card_memory_bytes: memoryBytes }, { pool });
    return 'seen';
  } catch (error) {
    if (!isWarned) log.warn('card.not_seen', { pool, reason: String(error) });
    return 'not_seen';
  }
}
