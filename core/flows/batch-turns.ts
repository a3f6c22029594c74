/**
 * Whose turn it is among the batches at work. There are `batchRunLimits.parallelMax` places, a tenant has
 * `parallelOfTenantMax` of them at most, and one that comes free goes to the tenant whose last turn is longest ago, for its
 * batch whose last turn is. So however many batches of a tenant are slow, one of another waits for no more than the rest
 * of a turn.
 */
import type { BatchRecord } from '../batch/batch.ts';
import { batchRunLimits } from '../limits.ts';

export interface BatchTurns {
  /** These are at work now: each that has no turn waits for one. */
  look(batches: readonly BatchRecord[]): void;
  /** Gives the next one its place; null: nobody waits for whom there is one. */
  begin(): BatchRecord | null;
  /** Its place is free. */
  end(batch: BatchRecord): void;
}

export function createBatchTurns(): BatchTurns {
  let waiting: BatchRecord[] = [];
  /** Tenants by the batches that have their turn. */
  const places = new Map<string, string>();
  /** Number of the last turn, by tenant and by batch; of those at work. */
  const last = new Map<string, number>();
  let turns = 0;
  const heldBy = (tenantId: string) => [...places.values()].filter((each) => each === tenantId).length;
  const lastOf = (id: string) => last.get(id) ?? 0;

  function firstOf(batches: readonly BatchRecord[]): BatchRecord | null {
    let first: BatchRecord | null = null;
    for (const batch of batches) if (first === null || isBefore(batch, first)) first = batch;
    return first;
  }

  function isBefore(left: BatchRecord, right: BatchRecord): boolean {
    const earlier = lastOf(left.tenantId) - lastOf(right.tenantId);
    return (earlier === 0 ? lastOf(left.batchId) - lastOf(right.batchId) : earlier) < 0;
  }

  return {
    look(batches) {
      waiting = batches.filter(({ batchId }) => !places.has(batchId));
      const ids = new Set(batches.flatMap(({ tenantId, batchId }) => [tenantId, batchId]));
      for (const id of last.keys()) if (!ids.has(id)) last.delete(id);
    },
    begin() {
      if (places.size >= batchRunLimits.parallelMax) return null;
      const next = firstOf(
        waiting.filter(({ tenantId }) => heldBy(tenantId) < batchRunLimits.parallelOfTenantMax),
      );
      if (next === null) return null;
      waiting = waiting.filter((each) => each !== next);
      places.set(next.batchId, next.tenantId);
      turns += 1;
      last.set(next.tenantId, turns).set(next.batchId, turns);
      return next;
    },
    end: ({ batchId }) => void places.delete(batchId),
  };
}
