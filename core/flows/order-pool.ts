/**
 * Carries out what an operator tells a pool (`scaling/pool-orders.ts`): one conditional write, then a scaling decision.
 * Workers read the order before they claim. A crash after the write leaves the decision to the scaler's tick.
 */
import type { Pools, Scaler } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { PoolOrder } from '../scaling/pool-orders.ts';

export interface OrderPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly pools: Pools;
  readonly scaler: Scaler;
}

export type OperatorOrder = Extract<PoolOrder, { kind: 'pause' | 'resume' | 'drain' | 'prewarm' }>;

/** `refused`: an order that stands does not allow this one. */
export async function orderPool(
  ports: OrderPorts,
  pool: string,
  order: OperatorOrder,
): Promise<'obeyed' | 'refused'> {
  if ((await ports.pools.order(pool, order)) === 'refused') return 'refused';
  ports.log.info('pool.ordered', { pool, order: order.kind });
  if (order.kind === 'prewarm' && order.workers > 0) {
    await ports.pools.move(pool, ['cold'], 'waking', ports.clock.nowMs());
  }
  try {
    await ports.scaler.wake(pool);
  } catch (error) {
    ports.log.warn('pool.order_left_to_tick', { pool, order: order.kind, reason: String(error) });
  }
  return 'obeyed';
}

/** Workers that the scaler will grant of those asked for: no more than its upper bound, once it has noted that. */
export async function grantedWorkers(
  { pools }: { readonly pools: Pick<Pools, 'read'> },
  pool: string,
  asked: number,
): Promise<number> {
  const { scaling } = await pools.read(pool);
  return Math.min(asked, scaling?.workersMax ?? asked);
}
