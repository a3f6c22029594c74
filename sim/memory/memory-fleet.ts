/** A fleet that only remembers what was asked of it. Workers run the moment they are desired. */
import type { Fleet } from '#core/ports/pools.ts';
import { isStillAsked } from '#core/scaling/is-still-asked.ts';

export interface MemoryFleet extends Fleet {
  /** Every `setDesired` so far. */
  readonly orders: readonly { readonly pool: string; readonly desired: number }[];
}

export function createMemoryFleet(): MemoryFleet {
  const desired = new Map<string, number>();
  const orders: { pool: string; desired: number }[] = [];
  const desiredOf = (pool: string) => desired.get(pool) ?? 0;
  return {
    orders,
    status: async (pool) => ({ desired: desiredOf(pool), running: desiredOf(pool) }),
    async setDesired(pool, workers, before) {
      if (!isStillAsked(desiredOf(pool), { desired: workers, before })) return 'elsewhere';
      desired.set(pool, workers);
      orders.push({ pool, desired: workers });
      return 'set';
    },
  };
}
