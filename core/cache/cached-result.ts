/**
 * The result cache of a tenant: a request that asks for what was made before is answered with that result, at no cost
 * and without a GPU. Only a request whose input decides the result may be: one that names its seed. Two requests
 * without a seed ask for two pictures.
 */
import * as z from 'zod';
import type { JobAdapter } from '../adapter/job-adapters.ts';
import { canonicalJson, digest } from '../canonical.ts';
import type { ErrorDetail } from '../errors.ts';
import type { JobRecord } from '../job/job.ts';
import { filesKeptUntilMs, jobRecordSchema, nothingUsed } from '../job/job.ts';
import { cacheLimits } from '../limits.ts';
import type { Manifest } from '../models/manifest.ts';
import type { PlanLimits } from '../tenancy/plans.ts';

export const cachedResultSchema = z.object({
  tenantId: z.string(),
  /** As {@link resultKey} gives it. */
  key: z.string(),
  /** The job that made the result; its files are what a hit names. */
  jobId: z.string(),
  outputs: jobRecordSchema.shape.outputs,
  receipt: jobRecordSchema.shape.receipt.unwrap(),
  storedAtMs: z.int().nonnegative(),
  /** From this instant on it is no result any more. */
  expiresAtMs: z.int().nonnegative(),
  /** When its files go; never before it expires. Null in an entry from before, whose files stay longer than any job's. */
  filesUntilMs: z.int().nonnegative().nullable().default(null),
});

export type CachedResult = z.infer<typeof cachedResultSchema>;

export type CacheUse =
  /** Neither looked up nor kept. */
  | { readonly kind: 'none' }
  /** Looked up, and kept if it must be made. */
  | { readonly kind: 'use'; readonly cache: NonNullable<JobRecord['cache']> }
  /** The request asks for the cache by name and cannot have it. */
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] };

/** @param asked the request's `cache`; null follows the tenant's setting */
export function cacheUseOf(
  limits: PlanLimits,
  {
    asked,
    manifest,
    input,
    adapters = [],
  }: {
    asked: boolean | null;
    manifest: Manifest;
    input: JobRecord['input'];
    adapters?: readonly JobAdapter[];
  },
): CacheUse {
  const setting = limits.result_cache ?? 'off';
  const isWanted = asked ?? setting === 'on';
  if (!isWanted) return { kind: 'none' };
  const refuse = (path: string, message: string): CacheUse =>
    asked === true ? { kind: 'invalid', details: [{ path, message }] } : { kind: 'none' };
  if (setting === 'off') return refuse('cache', 'the result cache of the tenant is off');
  if (!('seed' in manifest.input_schema.properties)) {
    return refuse('cache', 'the model takes no seed, so its input does not decide its result');
  }
  if (input.seed === undefined) {
    return refuse('input.seed', 'is required with `cache`: without one every request is another picture');
  }
  return {
    kind: 'use',
    cache: {
      key: resultKey(manifest, input, adapters),
      ttlMs: (limits.result_cache_seconds ?? cacheLimits.ttlSecondsDefault) * 1000,
      entriesMax: limits.result_cache_entries_max ?? cacheLimits.entriesDefault,
    },
  };
}

/**
 * Equal for inputs that make the same result: the whole canonical input, adapters and seed included, for this revision
 * of the model. The tenant is no part of it, because every entry is kept under its tenant.
 */
export function resultKey(
  { id, revision }: Pick<Manifest, 'id' | 'revision'>,
  input: JobRecord['input'],
  adapters: readonly JobAdapter[] = [],
): string {
  // By their files; left out where there are none, so that what was kept before adapters came is found still.
  const changes = adapters.map(({ sha256, weight }) => [sha256, weight]);
  return digest(canonicalJson([id, revision, input, ...(changes.length === 0 ? [] : [changes])]));
}

/** What to keep of a job, by its record alone, so that keeping it twice keeps the same; null: nothing. */
export function cachedResultOf(job: JobRecord): CachedResult | null {
  const { tenantId, jobId, cache, outputs, receipt, status, finishedAtMs } = job;
  if (cache === null || status !== 'succeeded' || receipt === null || finishedAtMs === null) return null;
  const filesUntilMs = filesKeptUntilMs(job);
  const expiresAtMs = Math.min(finishedAtMs + cache.ttlMs, filesUntilMs ?? Number.POSITIVE_INFINITY);
  const times = { storedAtMs: finishedAtMs, expiresAtMs, filesUntilMs };
  return { tenantId, key: cache.key, jobId, outputs, receipt, ...times };
}

/** The fields that make a freshly accepted job one that has its result already. */
export function hitFields(hit: CachedResult, nowMs: number): Partial<JobRecord> {
  return {
    status: 'succeeded',
    place: { kind: 'done' },
    startedAtMs: nowMs,
    finishedAtMs: nowMs,
    outputs: hit.outputs,
    filesUntilMs: hit.filesUntilMs,
    // Nothing was made: neither GPU time nor images nor tokens are metered again.
    usage: nothingUsed,
    costUsdMicros: 0,
    timings: { queuedMs: 0, loadMs: 0, runMs: 0, uploadMs: 0 },
    receipt: { ...hit.receipt, cachedFrom: hit.jobId },
    cache: null,
  };
}
