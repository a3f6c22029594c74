/**
 * The ticks of the local stack: the scaler's every second while a pool is lit, the sweep's every minute, which also
 * closes the month that is due. At idle only the minute tick is left.
 */
import type { ClosePorts } from '#core/flows/close-month.ts';
import { closeMonth, dueMonth } from '#core/flows/close-month.ts';
import { knownPools } from '#core/flows/known-pools.ts';
import type { ScalePorts } from '#core/flows/scale.ts';
import { scale } from '#core/flows/scale.ts';
import type { SweepPorts } from '#core/flows/sweep.ts';
import { sweep } from '#core/flows/sweep.ts';
import { sweepLimits } from '#core/limits.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import { tellSweep } from '#core/observability/tell-sweep.ts';
import type { Scaler } from '#core/ports/pools.ts';
import type { ScalingBounds } from '#core/scaling/policy.ts';

const scaleEveryMs = 1_000;

export interface Ticks extends Scaler {
  stop(): Promise<void>;
}

export type TickPorts = ScalePorts & Omit<SweepPorts, 'scaler'> & ClosePorts & { readonly metrics: Metrics };

export function startTicks(ports: TickPorts, bounds: ScalingBounds): Ticks {
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
    await attempt('sweep.failed', async () =>
      tellSweep(ports.metrics, await sweep({ ...ports, scaler: { wake } })),
    );
    await attempt('scale.failed', async () => Promise.all((await knownPools(ports)).map(decide)));
    await attempt('month.close_failed', closeDueMonth);
  }

  /** What fails is tried again at the next tick. */
  async function attempt(event: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      ports.log.warn(event, { reason: String(error) });
    }
  }

  async function closeDueMonth(): Promise<void> {
    const month = dueMonth(ports.clock.nowMs());
    if (month === closedMonth) return;
    if ((await closeMonth(ports, month)).kind === 'closed') closedMonth = month;
  }

  async function wake(pool: string): Promise<void> {
    lit.add(pool);
    // Not awaited: the submission must not wait for a worker to start.
    void decide(pool);
  }

  const loops = [
    repeat(sweepLimits.everyMs, sweepAll),
    repeat(scaleEveryMs, async () => {
      await Promise.all([...lit].map(decide));
    }),
  ];

  return {
    wake,
    async stop() {
      stopped.abort();
      await Promise.all([...loops, ...scaling.values()]);
    },
  };
}
