/**
 * The bytes of files that a tenant keeps, held in its gate by the day on which they go. The write that releases a
 * job's reservation adds the job's bytes, so they are counted once. A bucket is named by the midnight (UTC) at which its
 * files go: the first one at or after their retention, as the store's own rule removes them (docs/retention.md). When
 * that comes the bucket counts no more, and nobody has to write anything.
 *
 * What stays until somebody removes it, which adapters do, is one bucket more. It holds a sum that is kept elsewhere, under
 * the number of the write that made it ({@link LastingTotal}): nothing is added to it or taken off, so it is never off by what
 * was done twice or not at all.
 */
import type { JobEntry } from '../billing/ledger.ts';

const dayMs = 24 * 60 * 60 * 1000;
const bytesPerGb = 1_000_000_000;

/** An ended bucket is kept so long: a clock that jumped ahead and came back must find what was stored. */
const patienceDays = 7;

/** Of what stays until it is removed. */
export const lastingBucket = 'lasting';

/** Bytes by bucket: the number of the day, since 1970, that begins as they go, or {@link lastingBucket}. */
export type StoredBytes = Readonly<Record<string, number>>;

/** What the results of one job add, or a file of the tenant's. */
export interface Stored {
  readonly bucket: string;
  /** Below zero: of a file that was deleted before its time. */
  readonly bytes: number;
}

/** What stays until it is removed, by those who know it. */
export interface LastingTotal {
  readonly bytes: number;
  /** Counts the writes that changed what there is: of two totals the one of the higher number is the later. */
  readonly version: number;
}

/** Null for a job that left no files of its own. */
export function storedOf({
  bytesStored,
  atMs,
  retentionMs,
}: Pick<JobEntry, 'bytesStored' | 'atMs' | 'retentionMs'>): Stored | null {
  if (bytesStored === 0) return null;
  return { bucket: bucketOf(atMs + retentionMs), bytes: bytesStored };
}

/** The bucket of what may go from this instant on. */
export function bucketOf(goneFromMs: number): string {
  return String(Math.ceil(goneFromMs / dayMs));
}

export function plusStored(stored: StoredBytes, { bucket, bytes }: Stored): StoredBytes {
  return { ...stored, [bucket]: (stored[bucket] ?? 0) + bytes };
}

/** The day, since 1970, that an instant is in. */
export function dayOf(nowMs: number): number {
  return Math.floor(nowMs / dayMs);
}

/** Bytes that are kept still. */
export function keptBytes(stored: StoredBytes, nowMs: number): number {
  return standing(stored, nowMs).reduce((sum, [, bytes]) => sum + bytes, 0);
}

/**
 * The midnight at which what is kept falls below `bytesMax`; null when it is below already, infinite where no midnight
 * comes to that.
 */
export function clearsAtMs(stored: StoredBytes, bytesMax: number, nowMs: number): number | null {
  let bytes = keptBytes(stored, nowMs);
  let atMs: number | null = null;
  for (const [bucket, size] of standing(stored, nowMs)) {
    if (bytes < bytesMax) break;
    bytes -= size;
    atMs = endOf(bucket);
  }
  return bytes < bytesMax ? atMs : Number.POSITIVE_INFINITY;
}

/** When the next of what is kept goes; null when nothing does. */
export function nextGoneAtMs(stored: StoredBytes, nowMs: number): number | null {
  const [first] = standing(stored, nowMs);
  return first === undefined || first[0] === lastingBucket ? null : endOf(first[0]);
}

/** Buckets that ended long ago. */
export function forgettableBuckets(stored: StoredBytes, nowMs: number): string[] {
  return Object.keys(stored).filter((bucket) => endOf(bucket) + patienceDays * dayMs <= nowMs);
}

/** GB of a limit as bytes: 1 GB is 10^9. */
export function bytesOfGb(gb: number): number {
  return Math.round(gb * bytesPerGb);
}

export function gbOfBytes(bytes: number): number {
  return bytes / bytesPerGb;
}

/** Buckets that have not ended, the next one first, the lasting one last. */
function standing(stored: StoredBytes, nowMs: number): [bucket: string, bytes: number][] {
  return Object.entries(stored)
    .filter(([bucket]) => endOf(bucket) > nowMs)
    .toSorted(([left], [right]) => (endOf(left) < endOf(right) ? -1 : 1));
}

function endOf(bucket: string): number {
  return bucket === lastingBucket ? Number.POSITIVE_INFINITY : Number(bucket) * dayMs;
}
