/**
 * Around the result cache of a tenant: a submission looks a result up, a job that ends well leaves one. The cache is a
 * convenience: without it, or when it cannot be read, everything is made anew.
 */
import type { JobAdapter } from '../adapter/job-adapters.ts';
import type { CachedResult, CacheUse } from '../cache/cached-result.ts';
import { cachedResultOf, cacheUseOf } from '../cache/cached-result.ts';
import type { JobRecord } from '../job/job.ts';
import type { Manifest } from '../models/manifest.ts';
import type { Log } from '../ports/process.ts';
import type { ResultCache } from '../ports/result-cache.ts';
import type { PlanLimits } from '../tenancy/plans.ts';

export interface LookUpAsk {
  readonly tenantId: string;
  readonly limits: PlanLimits;
  /** The request's own word; null follows the tenant's setting. */
  readonly asked: boolean | null;
  readonly manifest: Manifest;
  readonly input: JobRecord['input'];
  readonly adapters: readonly JobAdapter[];
  readonly nowMs: number;
}

export type FoundResult =
  | Extract<CacheUse, { kind: 'invalid' }>
  | { readonly kind: 'hit'; readonly hit: CachedResult }
  /** `cache`: where to keep the result once it is made; null: nowhere. */
  | { readonly kind: 'miss'; readonly cache: JobRecord['cache'] };

export async function lookUpResult(
  { results, log }: { readonly results: Pick<ResultCache, 'get'>; readonly log: Log },
  { tenantId, limits, nowMs, ...request }: LookUpAsk,
): Promise<FoundResult> {
  const use = cacheUseOf(limits, request);
  if (use.kind === 'invalid') return use;
  if (use.kind === 'none') return { kind: 'miss', cache: null };
  const hit = await results.get(tenantId, use.cache.key, nowMs).catch((error: unknown) => {
    log.warn('cache.unread', { tenantId, reason: String(error) });
    return null;
  });
  return hit === null ? { kind: 'miss', cache: use.cache } : { kind: 'hit', hit };
}

export interface RememberPorts {
  readonly results: ResultCache;
}

/**
 * Keeps the result of a job that may be answered with again; no effect for any other. Safe to repeat: a key keeps its
 * first result. A crash before it is repaired by the sweep while the job's reservation stands.
 */
export async function remember({ results }: RememberPorts, job: JobRecord): Promise<void> {
  const entry = cachedResultOf(job);
  if (entry === null || job.cache === null) return;
  await results.put(entry, { entriesMax: job.cache.entriesMax, nowMs: entry.storedAtMs });
}
