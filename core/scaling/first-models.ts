/** What a worker loads as it starts, beside its first look for work. */
import type { Model } from '../models/manifest.ts';
import type { PoolOrders } from './pool-orders.ts';
import { standingWarmups } from './pool-orders.ts';

/**
 * The pool's only model, or of many those that tenants pay to have warm, the one that is to stay longest at the end: where
 * a card does not hold them all, it is the first ones that make way.
 */
export function firstModels(models: readonly Model[], orders: PoolOrders, nowMs: number): Model[] {
  if (models.length === 1) return [...models];
  const names = standingWarmups(orders, nowMs).map(({ model }) => model);
  const asked = models.filter(({ manifest }) => names.includes(manifest.id));
  const lastNamed = ({ manifest }: Model) => names.lastIndexOf(manifest.id);
  return asked.toSorted((left, right) => lastNamed(left) - lastNamed(right));
}
