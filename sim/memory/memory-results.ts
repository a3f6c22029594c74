/** `ResultCache` in memory. */
import type { CachedResult } from '#core/cache/cached-result.ts';
import type { ResultCache } from '#core/ports/result-cache.ts';
import { copy } from './copy.ts';

interface Kept {
  readonly entry: CachedResult;
  usedAtMs: number;
}

export function createMemoryResults(): ResultCache {
  const tenants = new Map<string, Map<string, Kept>>();
  const ofTenant = (tenantId: string) => {
    const kept = tenants.get(tenantId) ?? new Map<string, Kept>();
    tenants.set(tenantId, kept);
    return kept;
  };
  return {
    async get(tenantId, key, nowMs) {
      const entry = ofTenant(tenantId).get(key)?.entry;
      return entry !== undefined && entry.expiresAtMs > nowMs ? copy(entry) : null;
    },
    async put(entry, { entriesMax, nowMs }) {
      const kept = ofTenant(entry.tenantId);
      const before = kept.get(entry.key);
      if (before !== undefined && before.entry.expiresAtMs > nowMs) return 'exists';
      kept.set(entry.key, { entry: copy(entry), usedAtMs: entry.storedAtMs });
      const byUse = [...kept].toSorted(([, left], [, right]) => right.usedAtMs - left.usedAtMs);
      for (const [key] of byUse.slice(entriesMax)) kept.delete(key);
      return 'stored';
    },
    async touch(tenantId, key, nowMs) {
      const kept = ofTenant(tenantId).get(key);
      if (kept !== undefined) kept.usedAtMs = Math.max(kept.usedAtMs, nowMs);
    },
  };
}
