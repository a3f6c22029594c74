/** `Pools` in memory. */
import { uncalibrated } from '#core/eta/calibration.ts';
import type { PoolRecord, Pools } from '#core/ports/pools.ts';
import { nothingBoots } from '#core/scaling/boot-watch.ts';
import { noOrders, obey } from '#core/scaling/pool-orders.ts';
import { copy } from './copy.ts';
import { pageOf } from './pages.ts';

export function createMemoryPools(): Pools {
  const pools = new Map<string, PoolRecord>();
  const own = new Set<string>();
  const poolOf = (pool: string): PoolRecord =>
    pools.get(pool) ?? {
      pool,
      state: 'cold',
      stateSinceMs: 0,
      virtualTimes: { interactive: 0, batch: 0 },
      calibration: uncalibrated,
      orders: noOrders,
      scaling: null,
      boots: nothingBoots,
    };

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
    async advance(pool, jobClass, tag) {
      const record = poolOf(pool);
      const { virtualTimes } = record;
      if (tag <= virtualTimes[jobClass]) return;
      pools.set(pool, { ...record, virtualTimes: { ...virtualTimes, [jobClass]: tag } });
    },
    async calibrate(pool, calibration) {
      const record = poolOf(pool);
      if (record.calibration.version !== calibration.version - 1) return 'conflict';
      pools.set(pool, { ...record, calibration: copy(calibration) });
      return 'stored';
    },
    async noteBoots(pool, boots) {
      const record = poolOf(pool);
      if (record.boots.version !== boots.version - 1) return 'conflict';
      pools.set(pool, { ...record, boots: copy(boots) });
      return 'stored';
    },
    async order(pool, order) {
      const record = poolOf(pool);
      const orders = obey(record.orders, order);
      if (orders === null) return 'refused';
      pools.set(pool, { ...record, orders });
      return 'obeyed';
    },
    async enlist(pool) {
      own.add(pool);
    },
    async listOwn(cursor) {
      return pageOf(own, (pool) => pool, cursor);
    },
    async noteScaling(pool, scaling) {
      pools.set(pool, { ...poolOf(pool), scaling: { ...scaling } });
    },
  };
}
