/**
 * The ticks of the local stack: the scaler's every second while a pool is lit, the sweep's every minute, which also
 * closes the month that is due. At idle only the minute tick is left.
 */
import type { ClosePorts } from '#core/flows/close-month.ts';
import { closeMonth, dueMonth } from '#core/flows/close-month.ts';
import type { ScalePorts } from '#core/flows/scale.ts';
import { scale } from '#core/flows/scale.ts';
import type { SweepPorts } from '#core/flows/sweep.ts';
import { sweep } from '#core/flows/sweep.ts';
import { sweepLimits } from '#core/limits.ts';
import type { Scaler } from '#core/ports.ts';
import type { ScalingBounds } from '#core/scaling/policy.ts';

const scaleEveryMs = 1_000;

export interface Ticks extends Scaler {
  stop(): Promise<void>;
}

export function startTicks(ports: ScalePorts & SweepPorts & ClosePorts, bounds: ScalingBounds): Ticks {
  const stopped = new AbortController();
  /** Pools that have or may soon have a worker: only those are looked at every second. */
  const lit = new Set<string>();
  const scaling = new Map<string, Promise<void>>();
  /** Looked at once a month and start: what was closed stays closed. */
  let closedMonth: string | null = null;

  /** One decision at a time for each pool. */
  function decide(pool: string): Promise<void> {
    const before = scaling.get(pool) ?? Promise.resolve();
    const decision = before.then(() => decideNow(pool));
    scaling.set(pool, decision);
    return decision;
  }

  async function decideNow(pool: string): Promise<void> {
    try {
      if ((await scale(ports, pool, bounds)) > 0) lit.add(pool);
      else lit.delete(pool);
    } catch (error) {
      ports.log.warn('scale.failed', { pool, reason: String(error) });
    }
  }

  async function repeat(everyMs: number, tick: () => Promise<void>): Promise<void> {
    while (!stopped.signal.aborted) {
      await tick();
      await ports.clock.sleep(everyMs, stopped.signal);
    }
  }

  async function sweepAll(): Promise<void> {
    try {
      await sweep(ports);
    } catch (error) {
      ports.log.warn('sweep.failed', { reason: String(error) });
    }
    await Promise.all(ports.catalog.pools().map(decide));
    await closeDueMonth();
  }

  async function closeDueMonth(): Promise<void> {
    const month = dueMonth(ports.clock.nowMs());
    if (month === closedMonth) return;
    try {
      if ((await closeMonth(ports, month)).kind === 'closed') closedMonth = month;
    } catch (error) {
      ports.log.warn('month.close_failed', { month, reason: String(error) });
    }
  }

  const loops = [
    repeat(sweepLimits.everyMs, sweepAll),
    repeat(scaleEveryMs, async () => {
      await Promise.all([...lit].map(decide));
    }),
  ];

  return {
    async wake(pool) {
      lit.add(pool);
      // Not awaited: the submission must not wait for a worker to start.
      void decide(pool);
    },
    async stop() {
      stopped.abort();
      await Promise.all([...loops, ...scaling.values()]);
    },
  };
}
