/**
 * Least served first, the rule of VTC (Sheng et al., OSDI'24) in GPU time over weight: a counter per tenant, the
 * lowest goes first, a tenant that returns is lifted to the lowest counter of those that wait. Counted at the claim by
 * prediction and trued up at the end, as the product does.
 */
import type { Dispatcher } from '../simulate.ts';
import { createTenantQueues, one } from './tenant-queues.ts';

export function createLeastServed(): Dispatcher {
  const queues = createTenantQueues();
  const counters = new Map<string, number>();
  let lastClaimed: string | null = null;
  const counterOf = (tenantId: string) => counters.get(tenantId) ?? 0;
  const add = (tenantId: string, served: number) => counters.set(tenantId, counterOf(tenantId) + served);

  function lift(tenantId: string): void {
    const waiting = queues.tenants().map(counterOf);
    const level = waiting.length > 0 ? Math.min(...waiting) : counterOf(lastClaimed ?? tenantId);
    counters.set(tenantId, Math.max(counterOf(tenantId), level));
  }

  return {
    admit(job) {
      if (!queues.isWaiting(job.tenantId)) lift(job.tenantId);
      queues.push(job);
    },
    claim() {
      const tenantId = queues.tenants().toSorted((left, right) => counterOf(left) - counterOf(right))[0];
      if (tenantId === undefined) return [];
      lastClaimed = tenantId;
      const job = queues.take(tenantId);
      if (job !== null) add(tenantId, job.predictedGpuMs / job.weight);
      return one(job);
    },
    settle: (job) => add(job.tenantId, (job.usedGpuMs - job.predictedGpuMs) / job.weight),
  };
}
