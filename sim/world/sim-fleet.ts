/**
 * The Fleet port over simulated workers. Workers take a while to boot, longer when capacity is short; one that dies is
 * replaced, as ECS does; one too many is told to drain and killed when it takes too long.
 */
import { workerLimits } from '#core/limits.ts';
import type { Fleet } from '#core/ports/pools.ts';
import { isStillAsked } from '#core/scaling/is-still-asked.ts';
import type { Random } from '../random.ts';
import type { Loop } from './loop.ts';
import type { Process } from './process.ts';

export interface SimWorker {
  readonly process: Process;
  /** SIGTERM: ends the batch under way, then the process. */
  drain(): void;
}

export interface SimFleetOptions {
  readonly loop: Loop;
  readonly random: Random;
  readonly startWorker: (pool: string) => SimWorker;
  /** Whether capacity is short now, and booting takes minutes. */
  readonly isShort: () => boolean;
  /** Whether a worker that is due now is not placed: it is tried again later, and nobody is told. */
  readonly isRefused: () => boolean;
}

export interface SimFleet extends Fleet {
  /** Workers that live, draining ones too. */
  workers(): SimWorker[];
  /** The most workers that a pool was ever asked to have. */
  readonly desiredMax: number;
  /** To be called by a worker's process when it ends, well or not. */
  ended(worker: SimWorker): void;
  desiredOf(pool: string): number;
}

/** A GPU instance from its warm pool, and one that has to be found first (aws.md). */
const bootMs = { quick: 15_000, short: 180_000 } as const;
const replaceMs = 3_000;
/** ECS tries again on a clock of its own. */
const placeAgainMs = 30_000;

interface Slot {
  worker: SimWorker | null;
  isStopping: boolean;
}

interface PoolSlots {
  desired: number;
  readonly slots: Set<Slot>;
}

export function createSimFleet(options: SimFleetOptions): SimFleet {
  const { loop, random, startWorker, isShort, isRefused } = options;
  const pools = new Map<string, PoolSlots>();
  let desiredMax = 0;

  function poolOf(name: string): PoolSlots {
    const pool = pools.get(name) ?? { desired: 0, slots: new Set<Slot>() };
    pools.set(name, pool);
    return pool;
  }

  function level(name: string): void {
    const pool = poolOf(name);
    const serving = [...pool.slots].filter((slot) => !slot.isStopping);
    for (let count = serving.length; count < pool.desired; count += 1) boot(name, pool);
    for (const slot of serving.slice(pool.desired)) stop(pool, slot);
  }

  function boot(name: string, pool: PoolSlots): void {
    const slot: Slot = { worker: null, isStopping: false };
    pool.slots.add(slot);
    const place = () => {
      if (slot.isStopping) pool.slots.delete(slot);
      else if (isRefused()) loop.after(placeAgainMs, place);
      else slot.worker = startWorker(name);
    };
    loop.after(1_000 + random() * (isShort() ? bootMs.short : bootMs.quick), place);
  }

  function stop(pool: PoolSlots, slot: Slot): void {
    slot.isStopping = true;
    const { worker } = slot;
    if (worker === null) return;
    worker.drain();
    loop.after(workerLimits.drainMs + 5_000, () => {
      worker.process.kill();
      pool.slots.delete(slot);
    });
  }

  return {
    get desiredMax() {
      return desiredMax;
    },
    desiredOf: (name) => poolOf(name).desired,
    workers: () =>
      [...pools.values()].flatMap(({ slots }) => [...slots].flatMap(({ worker }) => worker ?? [])),
    async status(name) {
      const { desired, slots } = poolOf(name);
      return { desired, running: [...slots].filter(({ worker }) => worker !== null).length };
    },
    async setDesired(name, desired, before) {
      const pool = poolOf(name);
      if (!isStillAsked(pool.desired, { desired, before })) return 'elsewhere';
      pool.desired = desired;
      desiredMax = Math.max(desiredMax, desired);
      level(name);
      return 'set';
    },
    ended(worker) {
      for (const [name, pool] of pools) {
        const slot = [...pool.slots].find((each) => each.worker === worker);
        if (slot === undefined) continue;
        pool.slots.delete(slot);
        loop.after(replaceMs, () => level(name));
      }
    },
  };
}
