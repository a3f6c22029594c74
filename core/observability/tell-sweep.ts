import type { Metrics } from './metrics.ts';

/** As `sweep` reports it; flows are above what is told of them. */
type Report = Readonly<Record<'expired' | 'ticketsSent' | 'settled' | 'released', number>>;

/** What a sweep found to do, by kind; nothing of one that found nothing. */
export function tellSweep(metrics: Metrics, report: Report): void {
  for (const [repair, count] of Object.entries(report)) {
    if (count > 0) metrics.tell('sweep.repaired', { sweep_repairs: count }, { repair });
  }
}
