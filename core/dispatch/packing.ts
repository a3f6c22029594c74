/**
 * Which jobs fit one call together. The head of a batch always goes: admission saw to it that a job alone fits its
 * tenant's allotment, and one that no worker's card can hold fails with its claim. Mates join in their order while all
 * of the batch fits the card and no tenant passes its allotment; one that does not fit is passed over, and keeps its
 * place in the line.
 */

import type { LineEntry } from '../job/job.ts';
import { plannableMb } from '../models/memory.ts';

/** What a job takes and may take. */
export interface Packed {
  readonly tenantId: string;
  /** Predicted peak on top of the model's weights. */
  readonly memoryMb: number;
  /** Bound for all of its tenant's jobs on the card together; null: none. */
  readonly allotmentMb: number | null;
  /** Bound for its tenant's jobs over all cards: more of them in one batch would only be refused; null: none. */
  readonly runningJobsMax: number | null;
}

/**
 * Whether the job may join these. Jobs of one tenant can carry different allotments, from before and after a change of
 * its plan: all of them are kept.
 */
export function mayJoin(batch: readonly Packed[], job: Packed, roomMb: number): boolean {
  const together = [...batch, job];
  const own = together.filter(({ tenantId }) => tenantId === job.tenantId);
  const allotments = own.map(({ allotmentMb }) => allotmentMb ?? Number.POSITIVE_INFINITY);
  const runningMax = own.map(({ runningJobsMax }) => runningJobsMax ?? Number.POSITIVE_INFINITY);
  return (
    sumMb(together) <= roomMb &&
    sumMb(own) <= Math.min(...allotments) &&
    own.length <= Math.min(...runningMax)
  );
}

/**
 * The candidates that join a batch, in their order, until it holds `jobsMax` jobs.
 * @param roomMb what the card has for the peaks of this batch; infinite where no card is known
 */
export function fillBatch<T extends Packed>(
  batch: readonly Packed[],
  candidates: readonly T[],
  { jobsMax, roomMb }: { readonly jobsMax: number; readonly roomMb: number },
): T[] {
  const joined: T[] = [];
  for (const candidate of candidates) {
    if (batch.length + joined.length >= jobsMax) break;
    if (mayJoin([...batch, ...joined], candidate, roomMb)) joined.push(candidate);
  }
  return joined;
}

/**
 * What there is for the peaks of a batch beside what its model keeps: of the card, and in a process of the tenant's
 * own also of its cap, which counts the model. Other models are put out where they stand in the way, so they count
 * for nothing here. Infinite where neither bound is known; negative where not even the model fits.
 */
export function roomMbOf(
  { isolation, allotmentMb }: Pick<LineEntry, 'isolation' | 'allotmentMb'>,
  residentMb: number,
  gpuMemoryMb: number | undefined,
): number {
  const cardMb = gpuMemoryMb === undefined ? Number.POSITIVE_INFINITY : plannableMb(gpuMemoryMb);
  const capMb =
    isolation === 'process' ? (allotmentMb ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
  return Math.min(cardMb, capMb) - residentMb;
}

/**
 * Those of the residents, from the first on, that must go so that `needMb` fits beside the rest. All of them where even
 * that is not enough.
 */
export function inTheWay<T extends { readonly mb: number }>(
  residents: readonly T[],
  needMb: number,
  roomMb: number,
): T[] {
  let leftMb = residents.reduce((sum, { mb }) => sum + mb, 0);
  return residents.filter(({ mb }) => {
    if (leftMb + needMb <= roomMb) return false;
    leftMb -= mb;
    return true;
  });
}

function sumMb(jobs: readonly Packed[]): number {
  return jobs.reduce((sum, { memoryMb }) => sum + memoryMb, 0);
}
