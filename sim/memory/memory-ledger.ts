/** `Ledger` in memory. */
import type { LedgerEntry } from '#core/billing/ledger.ts';
import type { Ledger } from '#core/ports.ts';
import { pageOf } from './pages.ts';

export function createMemoryLedger(): Ledger {
  /** By tenant and month, then by job. */
  const months = new Map<string, Map<string, LedgerEntry>>();

  return {
    async append(entry) {
      const key = monthKey(entry.tenantId, entry.month);
      const entries = months.get(key) ?? new Map<string, LedgerEntry>();
      if (entries.has(entry.jobId)) return 'exists';
      months.set(key, entries.set(entry.jobId, structuredClone(entry)));
      return 'appended';
    },
    async list(tenantId, month, cursor) {
      const entries = months.get(monthKey(tenantId, month)) ?? new Map<string, LedgerEntry>();
      return pageOf(entries.values(), (entry) => entry.jobId, cursor);
    },
  };
}

function monthKey(tenantId: string, month: string): string {
  return `${tenantId}#${month}`;
}
