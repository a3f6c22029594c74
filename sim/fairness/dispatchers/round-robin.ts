/** One turn per tenant, as many jobs a turn as its weight: fair in jobs, blind to what they cost. */
import type { Dispatcher } from '../simulate.ts';
import { createTenantQueues, one } from './tenant-queues.ts';

export function createRoundRobin(): Dispatcher {
  const queues = createTenantQueues();
  const weights = new Map<string, number>();
  /** Tenants that wait; the first has the turn. */
  let ring: string[] = [];
  let taken = 0;

  return {
    admit(job) {
      if (!queues.isWaiting(job.tenantId) && !ring.includes(job.tenantId)) ring.push(job.tenantId);
      weights.set(job.tenantId, job.weight);
      queues.push(job);
    },
    claim() {
      const [turn, ...rest] = ring;
      if (turn === undefined) return [];
      const job = queues.take(turn);
      taken += 1;
      if (!queues.isWaiting(turn)) {
        ring = rest;
        taken = 0;
      } else if (taken >= (weights.get(turn) ?? 1)) {
        ring = [...rest, turn];
        taken = 0;
      }
      return one(job);
    },
    settle: () => undefined,
  };
}
