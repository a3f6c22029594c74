/**
 * Start-time fair queuing (Goyal, Vin, Cheng, SIGCOMM'96) in GPU time: a tenant's finish tag advances by
 * predicted GPU time over weight with every job, a job's place is its start tag, and the lowest start tag goes first.
 * Tags are whole weighted GPU microseconds. Every class of a pool has finish tags and a virtual time of its own: the
 * classes are not served in the order of each other's tags, so a tag of one says nothing about a place in the other.
 */
import type { JobClass } from '../job/job.ts';

/** Names the line that a finish tag belongs to. */
export function lineName(pool: string, jobClass: JobClass): string {
  return `${pool}#${jobClass}`;
}

/** What one job adds to its tenant's finish tag: never zero, or a flood of tiny jobs would tie for the head. */
export function tagCost(predictedGpuMs: number, weight: number): number {
  return Math.max(1, Math.ceil((predictedGpuMs * 1000) / weight));
}

/**
 * The start tag of the job whose admission moved the tenant's finish tag to `finishTag`. A tenant that was idle
 * joins at the line's virtual time instead of spending credit saved while it was away; `lift` then says where its
 * finish tag must move, unless it is past `upTo` by then. Other admissions of the tenant may have moved it meanwhile
 * without bringing it to the virtual time: a lift that gave up on those would never come to pass under a flood.
 */
export function startTag(
  finishTag: number,
  cost: number,
  virtualTime: number,
): { readonly tag: number; readonly lift: { readonly upTo: number; readonly to: number } | null } {
  const tag = finishTag - cost;
  if (tag >= virtualTime) return { tag, lift: null };
  return { tag: virtualTime, lift: { upTo: Math.max(finishTag, virtualTime), to: virtualTime + cost } };
}

/**
 * What moves the tenant's finish tag when a job settles, so that it counts what the job used and not what was
 * predicted for it. Negative when it used less. Tags of jobs that wait already stay: a wrong prediction costs the
 * others at most what the tenant had open at once.
 */
export function trueUpDelta(
  job: { readonly tagCost: number; readonly predictedGpuMs: number },
  usedGpuMs: number,
): number {
  return Math.ceil((job.tagCost * usedGpuMs) / Math.max(1, job.predictedGpuMs)) - job.tagCost;
}
