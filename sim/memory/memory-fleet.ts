/** A fleet that only remembers what was asked of it. Workers run the moment they are desired. */
import type { Fleet } from '#core/ports/pools.ts';

export interface MemoryFleet extends Fleet {
  /** Every `setDesired` so far. */
  readonly orders: readonly { readonly pool: string; readonly desired: number }[];
}

export function createMemoryFleet(): MemoryFleet {
  const desired = new Map<string, number>();
  const orders: { pool: string; desired: number }[] = [];
  return {
    orders,
    status: async (pool) => ({ desired: desired.get(pool) ?? 0, running: desired.get(pool) ?? 0 }),
    async setDesired(pool, workers) {
      desired.set(pool, workers);
      orders.push({ pool, desired: workers });
    },
  };
}
