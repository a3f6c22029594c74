/** Costs as a person reads them. */
import type { Costs } from '#client/schema.ts';
import { formatMs, formatUsd } from './format.ts';
import { table } from './table.ts';

type Sums = Costs['total'];

/** A row per pool and one for the total; OPERATOR is what neither charges nor shares cover. */
export function costsView({ month, data, total }: Costs): string {
  const head = ['POOL', 'STATE', 'WORKERS', 'TIME', 'GPU', 'BILL', 'CHARGED', 'SHARED', 'OPERATOR', 'SAVED'];
  const rows = data.map((row) => [row.pool, row.closed_at === null ? 'open' : 'closed', ...sumCells(row)]);
  const text = table(head, [...rows, ['total', '', ...sumCells(total)]]);
  return `${month}\n\n${text}\n\nSAVED: against an instance of its own, always on, for each tenant served`;
}

function sumCells(sums: Sums): string[] {
  return [
    String(sums.workers),
    formatMs(sums.worker_ms),
    formatMs(sums.gpu_ms),
    formatUsd(sums.bill_usd_micros),
    formatUsd(sums.charged_usd_micros),
    formatUsd(sums.cold_start_usd_micros + sums.idle_usd_micros),
    formatUsd(sums.operator_usd_micros),
    sums.saved_share === null ? '-' : `${(100 * sums.saved_share).toFixed(1)} %`,
  ];
}
