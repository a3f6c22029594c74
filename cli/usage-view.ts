/** Usage as a person reads it. */
import type { Usage } from '#client/schema.ts';
import { formatBytes, formatMs, formatUsd } from './format.ts';
import { table } from './table.ts';

type Group = Usage['data'][number]['group'];
type Sums = Usage['total'];

/** A row per group and one for the total. SHARED and WARM-UPS, parts of COST, stand there where there is any of it. */
export function usageTable({ data, total }: Usage, groupBy: readonly (keyof Group)[]): string {
  const parts = costParts.filter(({ field }) => total[field] > 0);
  const cells = (sums: Sums) => [...sumCells(sums), ...parts.map(({ field }) => formatUsd(sums[field]))];
  const columns = [
    'JOBS',
    'IMAGES',
    'WEIGHTED',
    'GPU',
    'BYTE-HOURS',
    'COST',
    ...parts.map(({ column }) => column),
  ];
  const head = [...groupBy.map((name) => name.toUpperCase()), ...columns];
  const rows = data.map(({ group, ...sums }) => [
    ...groupBy.map((name) => group[name] ?? '-'),
    ...cells(sums),
  ]);
  return table(head, [...rows, [...groupBy.map((_, at) => (at === 0 ? 'total' : '')), ...cells(total)]]);
}

const costParts = [
  { column: 'SHARED', field: 'shared_usd_micros' },
  { column: 'WARM-UPS', field: 'warmup_usd_micros' },
] as const satisfies readonly { column: string; field: keyof Sums }[];

function sumCells(sums: Sums): string[] {
  const { jobs, images, weighted_images, gpu_ms, storage_byte_hours, cost_usd_micros } = sums;
  return [
    String(jobs),
    String(images),
    String(weighted_images),
    formatMs(gpu_ms),
    formatBytes(storage_byte_hours),
    formatUsd(cost_usd_micros),
  ];
}
