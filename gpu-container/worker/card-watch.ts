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

/** Resolves once `stopping` aborts, or at once where there is no card to be seen. Never rejects. */
export async function watchCard(options: CardWatchOptions): Promise<void> {
  const { clock, log, metrics, pool, readCard, stopping } = options;
  while (!stopping.aborted) {
    try {
      const reading = await readCard();
      if (reading === null) return;
      const { busyPercent, memoryBytes } = reading;
      metrics.tell('card.seen', { card_busy_percent: busyPercent, card_memory_bytes: memoryBytes }, { pool });
    } catch (error) {
      log.warn('card.not_seen', { pool, reason: String(error) });
      return;
    }
    await clock.sleep(lookMs, stopping);
  }
}
