/** `Pools` in memory. */
import type { PoolRecord, Pools } from '#core/ports.ts';

export function createMemoryPools(): Pools {
  const pools = new Map<string, PoolRecord>();
  const poolOf = (pool: string): PoolRecord =>
    pools.get(pool) ?? { pool, state: 'cold', stateSinceMs: 0, virtualTime: 0 };

  return {
    async read(pool) {
      return { ...poolOf(pool) };
    },
    async move(pool, from, to, nowMs) {
      const record = poolOf(pool);
      if (!from.includes(record.state)) return 'elsewhere';
      pools.set(pool, { ...record, state: to, stateSinceMs: nowMs });
      return 'moved';
    },
    async advance(pool, tag) {
      const record = poolOf(pool);
      if (tag > record.virtualTime) pools.set(pool, { ...record, virtualTime: tag });
    },
  };
}
