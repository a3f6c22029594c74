import type { CachedResult } from '../cache/cached-result.ts';

/** Results that a tenant's requests may be answered with again. May lag a moment behind writes. */
export interface ResultCache {
  /** Null also from the entry's expiry on. */
  get(tenantId: string, key: string, nowMs: number): Promise<CachedResult | null>;
  /**
   * Stores the entry unless one of its key stands there that has not expired; then removes those of the tenant that
   * were used longest ago beyond `entriesMax`, some at a time. Storing counts as use.
   */
  put(
    entry: CachedResult,
    how: { readonly entriesMax: number; readonly nowMs: number },
  ): Promise<'stored' | 'exists'>;
  /** Notes a use; never an earlier one than is noted. No effect when there is no such entry. */
  touch(tenantId: string, key: string, nowMs: number): Promise<void>;
}
