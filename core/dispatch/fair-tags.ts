/**
 * Start-time fair queuing (Goyal, Vin, Cheng, SIGCOMM'96) in GPU time: a tenant's finish tag advances by
 * predicted GPU time over weight with every job, a job's place is its start tag, and the lowest start tag goes first.
 * Tags are whole weighted GPU microseconds.
 */

/** What one job adds to its tenant's finish tag: never zero, or a flood of tiny jobs would tie for the head. */
export function tagCost(predictedGpuMs: number, weight: number): number {
  return Math.max(1, Math.ceil((predictedGpuMs * 1000) / weight));
}

/**
 * The start tag of the job whose admission moved the tenant's finish tag to `finishTag`. A tenant that was idle
 * joins at the pool's virtual time instead of spending credit saved while it was away; `liftTo` is then where its
 * finish tag must move.
 */
export function startTag(
  finishTag: number,
  cost: number,
  virtualTime: number,
): { readonly tag: number; readonly liftTo: number | null } {
  const tag = finishTag - cost;
  return tag >= virtualTime ? { tag, liftTo: null } : { tag: virtualTime, liftTo: virtualTime + cost };
}

/** Where the pool's virtual time stands once jobs with these start tags are claimed: at the highest of them. */
export function virtualTimeAfter(claimedTags: readonly number[]): number {
  return Math.max(...claimedTags);
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
