/** Usage as a person reads it. */
import type { UsageResource } from '#core/api/usage-resource.ts';
import { formatBytes, formatMs, formatUsd } from './format.ts';
import { table } from './table.ts';

type Group = UsageResource['data'][number]['group'];
type Sums = UsageResource['total'];

/** A row per group and one for the total. SHARED, which is part of COST, stands there where anything was shared. */
export function usageTable({ data, total }: UsageResource, groupBy: readonly (keyof Group)[]): string {
  const hasShares = total.shared_usd_micros > 0;
  const cells = (sums: Sums) => [
    ...sumCells(sums),
    ...(hasShares ? [formatUsd(sums.shared_usd_micros)] : []),
  ];
  const columns = [
    'JOBS',
    'IMAGES',
    'WEIGHTED',
    'GPU',
    'BYTE-HOURS',
    'COST',
    ...(hasShares ? ['SHARED'] : []),
  ];
  const head = [...groupBy.map((name) => name.toUpperCase()), ...columns];
  const rows = data.map(({ group, ...sums }) => [
    ...groupBy.map((name) => group[name] ?? '-'),
    ...cells(sums),
  ]);
  return table(head, [...rows, [...groupBy.map((_, at) => (at === 0 ? 'total' : '')), ...cells(total)]]);
}

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
