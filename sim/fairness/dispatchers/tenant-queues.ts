/** What the baselines share: one queue per tenant that remembers the order of arrival over all of them. */
import type { SimJob } from '../simulate.ts';

export interface TenantQueues {
  push(job: SimJob): void;
  /** Tenants with a job waiting, in the order in which they first had one. */
  tenants(): readonly string[];
  isWaiting(tenantId: string): boolean;
  /** Takes the tenant's oldest job; null when it has none. */
  take(tenantId: string): SimJob | null;
  /** Of these tenants, the one whose oldest job came first; null when none of them waits. */
  oldest(tenantIds: readonly string[]): string | null;
}

interface Queued {
  readonly order: number;
  readonly job: SimJob;
}

export function createTenantQueues(): TenantQueues {
  const queues = new Map<string, Queued[]>();
  let arrived = 0;
  const headOf = (tenantId: string) => queues.get(tenantId)?.[0]?.order ?? Number.POSITIVE_INFINITY;
  const isWaiting = (tenantId: string) => Number.isFinite(headOf(tenantId));

  return {
    isWaiting,
    push(job) {
      arrived += 1;
      const queue = queues.get(job.tenantId) ?? [];
      queues.set(job.tenantId, queue);
      queue.push({ order: arrived, job });
    },
    tenants: () => [...queues.keys()].filter(isWaiting),
    take: (tenantId) => queues.get(tenantId)?.shift()?.job ?? null,
    oldest(tenantIds) {
      const first = tenantIds.toSorted((left, right) => headOf(left) - headOf(right))[0];
      return first !== undefined && isWaiting(first) ? first : null;
    },
  };
}

/** A claim of one job, or of none. */
export function one(job: SimJob | null): readonly SimJob[] {
  return job === null ? [] : [job];
}
