import type { JobEntry, LedgerEntry, ShareEntry, WarmupEntry } from '../billing/ledger.ts';
import type { Statement } from '../billing/statement.ts';
import type { Page } from './page.ts';

export interface Ledger {
  /**
   * One charge and one refund per tenant, month and job, one share per tenant, month and pool, one entry per tenant,
   * month and warm-up; a second is refused and changes nothing.
   */
  append(entry: LedgerEntry): Promise<'appended' | 'exists'>;
  /** The charge of a job; sees every earlier write. */
  charge(tenantId: string, month: string, jobId: string): Promise<JobEntry | null>;
  /** The refund of a job; sees every earlier write. */
  refund(tenantId: string, month: string, jobId: string): Promise<JobEntry | null>;
  /** The tenant's share of a pool; sees every earlier write. */
  share(tenantId: string, month: string, pool: string): Promise<ShareEntry | null>;
  /** The entry of a warm-up; sees every earlier write. */
  warmup(tenantId: string, month: string, warmupId: string): Promise<WarmupEntry | null>;
  /** Entries of every kind, in no promised order; may lag behind writes. */
  list(tenantId: string, month: string, cursor?: string): Promise<Page<LedgerEntry>>;
  /** One statement per month and pool; a second is refused and changes nothing. */
  state(statement: Statement): Promise<'appended' | 'exists'>;
  /** Statements of a month, by pool; sees every earlier write. */
  statements(month: string): Promise<Statement[]>;
}
