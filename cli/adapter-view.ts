/** Adapters as a person reads them. */
import type { Adapter } from '#client/schema.ts';
import { formatBytes } from './format.ts';
import { table } from './table.ts';

export function adapterTable(adapters: readonly Adapter[]): string {
  const rows = adapters.map((adapter) => [
    adapter.id,
    adapter.name,
    adapter.model,
    formatBytes(adapter.bytes),
    adapter.rank === null ? '-' : String(adapter.rank),
    adapter.refusal === null ? adapter.status : `refused (${adapter.refusal.code})`,
  ]);
  return table(['ID', 'NAME', 'MODEL', 'SIZE', 'RANK', 'STATUS'], rows);
}
