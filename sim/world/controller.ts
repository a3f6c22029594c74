/** The minute ticks: the sweep, and the scaler, which a submission may also wake. */
import { scale } from '#core/flows/scale.ts';
import { sweep } from '#core/flows/sweep.ts';
import { sweepLimits } from '#core/limits.ts';
import { bounds } from './scenario.ts';
import type { Ground, Running } from './world.ts';

export interface Controller {
  /** As an asynchronous invocation of the function: accepted at once, run a moment later. */
  wake(pool: string): void;
}

const scaleEveryMs = 60_000;
const wakeMs = 50;

export function startController(
  ground: Ground,
  { sweeper, decider }: { readonly sweeper: () => Running; readonly decider: () => Running },
): Controller {
  const { loop, random, catalog, log } = ground;

  function repeat(everyMs: number, tick: () => Promise<void>): void {
    loop.after(everyMs * (0.9 + 0.2 * random()), () => {
      void tick();
      repeat(everyMs, tick);
    });
  }

  function sweepNow(): Promise<void> {
    const running = sweeper();
    const { ports, process } = running;
    return told(ground, running, () => sweep({ ...ports, catalog, clock: process.clock, log }));
  }

  function decideNow(pool: string): Promise<void> {
    const running = decider();
    const { ports, process } = running;
    return told(ground, running, () => scale({ ...ports, catalog, clock: process.clock, log }, pool, bounds));
  }

  repeat(sweepLimits.everyMs, sweepNow);
  for (const pool of catalog.pools()) repeat(scaleEveryMs, () => decideNow(pool));
  return { wake: (pool) => loop.after(wakeMs, () => void decideNow(pool)) };
}

/** A tick that throws is logged; the next one goes on. */
async function told({ log }: Ground, { process }: Running, tick: () => Promise<unknown>): Promise<void> {
  const served = await process.serve(tick);
  if (served.kind === 'threw') log.warn('tick.failed', { role: process.role, reason: String(served.error) });
}
