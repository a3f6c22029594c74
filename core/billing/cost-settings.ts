/** How a deployment bills its tenants, and what its instances cost. */
import type { Catalog } from '../models/manifest.ts';
import { basePoolOf } from '../tenancy/own-pool.ts';
import type { Pricing } from './statement.ts';

export interface CostSettings {
  readonly pricing: Pricing;
  /** What one instance of the pool costs; of a tenant's own pool, what one of the pool that it is made from does. */
  usdMicrosPerHour(pool: string): number;
}

export interface GivenCosts {
  readonly pricing: Pricing;
  /** Micro-USD an hour by pool. */
  readonly instancePrices: Readonly<Record<string, number>>;
}

export type CostSettingsOutcome =
  | { readonly kind: 'settings'; readonly settings: CostSettings }
  /** Prices of pools that no model has: a slip of the pen that would leave the real pool without its price. */
  | { readonly kind: 'no_such_pool'; readonly pools: readonly string[] };

/** Where no instance price is given it is the highest price of the pool's models: those are what a GPU hour costs. */
export function costSettings({ pricing, instancePrices }: GivenCosts, catalog: Catalog): CostSettingsOutcome {
  const pools = catalog.pools();
  const unknown = Object.keys(instancePrices).filter((pool) => !pools.includes(pool));
  if (unknown.length > 0) return { kind: 'no_such_pool', pools: unknown };
  const prices = new Map(
    pools.map((pool) => {
      const listed = catalog.poolModels(pool).map(({ manifest }) => manifest.usd_micros_per_gpu_hour);
      return [pool, Object.hasOwn(instancePrices, pool) ? instancePrices[pool] : Math.max(0, ...listed)];
    }),
  );
  return {
    kind: 'settings',
    settings: { pricing, usdMicrosPerHour: (pool) => prices.get(basePoolOf(pool)) ?? 0 },
  };
}
