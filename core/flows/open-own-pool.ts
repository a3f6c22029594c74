import { AppError } from '../errors.ts';
import type { Model } from '../models/manifest.ts';
import type { OwnPools } from '../ports/pools.ts';

/**
 * Readies the queue of a pool that is a tenant's own. Before the gate is asked: a ticket of a pool without a queue could
 * not be sent, nor looked for by the sweep. Throws `unavailable` where tenants have no pools of their own.
 */
export async function openOwnPool(
  { ownPools }: { readonly ownPools?: OwnPools },
  pool: string,
  { manifest }: Model,
): Promise<void> {
  if (pool === manifest.pool) return;
  if (ownPools === undefined) throw new AppError('unavailable', { privateDetail: `no queue for ${pool}` });
  await ownPools.open(pool);
}
