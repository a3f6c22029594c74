/** Wakes a pool from zero: of many submissions that find it cold exactly one asks the scaler. */
import type { Pools, Scaler } from '../ports/pools.ts';
import type { Clock } from '../ports/process.ts';

/** Call it after the job is in the line: the scaler, putting a pool to sleep, looks at the line last. */
export async function wakePool(
  ports: { readonly clock: Clock; readonly pools: Pools; readonly scaler: Scaler },
  pool: string,
): Promise<void> {
  const { state, orders } = await ports.pools.read(pool);
  // Resuming a paused pool asks for a decision of its own.
  if (state !== 'cold' || orders.pausedAtMs !== null) return;
  if ((await ports.pools.move(pool, ['cold'], 'waking', ports.clock.nowMs())) === 'moved') {
    await ports.scaler.wake(pool);
  }
}
