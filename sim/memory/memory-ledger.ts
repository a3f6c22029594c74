/** `Ledger` in memory. */
import type { LedgerEntry } from '#core/billing/ledger.ts';
import type { Ledger } from '#core/ports.ts';
import { pageOf } from './pages.ts';

export function createMemoryLedger(): Ledger {
  /** By tenant and month, then by job and kind. */
  const months = new Map<string, Map<string, LedgerEntry>>();

  return {
    async append(entry) {
      const key = monthKey(entry.tenantId, entry.month);
      const entries = months.get(key) ?? new Map<string, LedgerEntry>();
      if (entries.has(entryKey(entry))) return 'exists';
      months.set(key, entries.set(entryKey(entry), structuredClone(entry)));
      return 'appended';
    },
    async charge(tenantId, month, jobId) {
      const entry = months.get(monthKey(tenantId, month))?.get(entryKey({ jobId, kind: 'charge' }));
      return structuredClone(entry ?? null);
    },
    async refund(tenantId, month, jobId) {
      const entry = months.get(monthKey(tenantId, month))?.get(entryKey({ jobId, kind: 'refund' }));
      return structuredClone(entry ?? null);
    },
    async list(tenantId, month, cursor) {
      const entries = months.get(monthKey(tenantId, month)) ?? new Map<string, LedgerEntry>();
      return pageOf(entries.values(), entryKey, cursor);
    },
  };
}

function entryKey({ jobId, kind }: Pick<LedgerEntry, 'jobId' | 'kind'>): string {
  return `${jobId}#${kind}`;
}

function monthKey(tenantId: string, month: string): string {
  return `${tenantId}#${month}`;
}
