/** First come, first served: what a queue does that knows no tenants. */
import type { Dispatcher } from '../simulate.ts';
import { createTenantQueues, one } from './tenant-queues.ts';

export function createFifo(): Dispatcher {
  const queues = createTenantQueues();
  return {
    admit: (job) => queues.push(job),
    claim() {
      const tenantId = queues.oldest(queues.tenants());
      return one(tenantId === null ? null : queues.take(tenantId));
    },
    settle: () => undefined,
  };
}
