/** `Ledger` in memory. */
import type { LedgerEntry } from '#core/billing/ledger.ts';
import { isOfJob } from '#core/billing/ledger.ts';
import type { Statement } from '#core/billing/statement.ts';
import type { Ledger } from '#core/ports/ledger.ts';
import { copy } from './copy.ts';
import { pageOf } from './pages.ts';
import { compareText } from './sorted.ts';

export function createMemoryLedger(): Ledger {
  /** By tenant and month, then by what the entry is for and its kind. */
  const months = new Map<string, Map<string, LedgerEntry>>();
  /** By month, then by pool. */
  const statements = new Map<string, Map<string, Statement>>();

  return {
    async append(entry) {
      const key = monthKey(entry.tenantId, entry.month);
      const entries = months.get(key) ?? new Map<string, LedgerEntry>();
      if (entries.has(entryKey(entry))) return 'exists';
      months.set(key, entries.set(entryKey(entry), copy(entry)));
      return 'appended';
    },
    async charge(tenantId, month, jobId) {
      const entry = months.get(monthKey(tenantId, month))?.get(jobKey(jobId, 'charge'));
      return entry !== undefined && isOfJob(entry) ? copy(entry) : null;
    },
    async share(tenantId, month, pool) {
      const entry = months.get(monthKey(tenantId, month))?.get(shareKey(pool));
      return entry?.kind === 'share' ? copy(entry) : null;
    },
    async refund(tenantId, month, jobId) {
      const entry = months.get(monthKey(tenantId, month))?.get(jobKey(jobId, 'refund'));
      return entry !== undefined && isOfJob(entry) ? copy(entry) : null;
    },
    async warmup(tenantId, month, warmupId) {
      const entry = months.get(monthKey(tenantId, month))?.get(warmupKey(warmupId));
      return entry?.kind === 'warmup' ? copy(entry) : null;
    },
    async list(tenantId, month, cursor) {
      const entries = months.get(monthKey(tenantId, month)) ?? new Map<string, LedgerEntry>();
      return pageOf(entries.values(), entryKey, cursor);
    },
    async state(statement) {
      const pools = statements.get(statement.month) ?? new Map<string, Statement>();
      if (pools.has(statement.pool)) return 'exists';
      statements.set(statement.month, pools.set(statement.pool, copy(statement)));
      return 'appended';
    },
    async statements(month) {
      const found = [...(statements.get(month)?.values() ?? [])];
      return copy(found.toSorted((left, right) => compareText(left.pool, right.pool)));
    },
  };
}

function entryKey(entry: LedgerEntry): string {
  switch (entry.kind) {
    case 'share':
      return shareKey(entry.pool);
    case 'warmup':
      return warmupKey(entry.warmupId);
    default:
      return jobKey(entry.jobId, entry.kind);
  }
}

function jobKey(jobId: string, kind: string): string {
  return `${jobId}#${kind}`;
}

/** No job id is empty. */
function shareKey(pool: string): string {
  return `#share#${pool}`;
}

function warmupKey(warmupId: string): string {
  return `#warmup#${warmupId}`;
}

function monthKey(tenantId: string, month: string): string {
  return `${tenantId}#${month}`;
}
