/** Reads what the workers of some pools said of themselves. Reads only; nothing to repair. */
import { workerLimits } from '../limits.ts';
import type { Workers } from '../ports/pools.ts';
import type { Clock } from '../ports/process.ts';
import type { WorkerRecord } from '../scaling/worker-record.ts';

/** Workers that have not ended, silent ones too, by pool and then by start. */
export async function readFleet(
  ports: { readonly clock: Clock; readonly workers: Pick<Workers, 'list'> },
  pools: readonly string[],
): Promise<WorkerRecord[]> {
  const sinceMs = ports.clock.nowMs() - workerLimits.silentShownMs;
  const found = await Promise.all(pools.map((pool) => workersOf(ports.workers, pool, sinceMs)));
  return found.flatMap((workers) =>
    [...workers.values()]
      .filter(({ phase }) => phase !== 'ended')
      .toSorted((left, right) => left.startedAtMs - right.startedAtMs),
  );
}

/** By id: one that reports while the pages are read comes twice, and its later word counts. */
async function workersOf(
  workers: Pick<Workers, 'list'>,
  pool: string,
  sinceMs: number,
): Promise<ReadonlyMap<string, WorkerRecord>> {
  const found = new Map<string, WorkerRecord>();
  let cursor: string | undefined;
  do {
    const page = await workers.list(pool, sinceMs, cursor);
    for (const worker of page.items) {
      const earlier = found.get(worker.workerId);
      if (earlier === undefined || earlier.reportedAtMs < worker.reportedAtMs) {
        found.set(worker.workerId, worker);
      }
    }
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}
