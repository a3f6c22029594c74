/**
 * Work that is not there yet and will go first all the same. Until a job's tag comes up, every tenant has turns as far
 * as that tag, and one whose own entries end before it may send more and have them served first. How much it could send
 * is known from the tags.
 */
import type { LineEntry } from '../job/job.ts';

/** For each entry of a line, the GPU time that could still come and go before it. */
export function futureWorkMs(entries: readonly LineEntry[]): number[] {
  const last = new Map<string, LineEntry>();
  return entries.map((entry) => {
    last.set(entry.tenantId, entry);
    let couldMs = 0;
    for (const other of last.values()) if (other !== entry) couldMs += turnsBetween(other, entry);
    return couldMs;
  });
}

/** GPU time that the tenant of `last` has turns for from the end of that entry to the tag of `entry`. */
function turnsBetween(last: LineEntry, entry: LineEntry): number {
  const tags = entry.tag - last.tag - last.tagCost;
  return tags <= 0 ? 0 : (tags * last.predictedGpuMs) / Math.max(1, last.tagCost);
}
