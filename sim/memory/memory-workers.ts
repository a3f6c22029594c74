/** `Workers` in memory. */
import type { Workers } from '#core/ports/pools.ts';
import type { WorkerRecord } from '#core/scaling/worker-record.ts';
import { copy } from './copy.ts';
import { pageOf } from './pages.ts';

export function createMemoryWorkers(): Workers {
  const workers = new Map<string, WorkerRecord>();

  return {
    async report(worker) {
      const stored = workers.get(worker.workerId);
      if (stored !== undefined && stored.reportedAtMs >= worker.reportedAtMs) return;
      workers.set(worker.workerId, copy(worker));
    },
    async list(pool, sinceMs, cursor) {
      const heard = [...workers.values()].filter(
        (worker) => worker.pool === pool && worker.reportedAtMs >= sinceMs,
      );
      return pageOf(heard, placeOf, cursor);
    },
  };
}

/** Sorts by when the worker was heard of. */
function placeOf({ reportedAtMs, workerId }: WorkerRecord): string {
  return `${String(reportedAtMs).padStart(16, '0')} ${workerId}`;
}
