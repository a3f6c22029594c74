/**
 * The Fleet port on a laptop: a worker is a child process. Keeps as many alive as were asked for; a worker that dies
 * by itself is replaced after a pause that doubles, so a worker that cannot start does not eat the machine. A child
 * also ends when this process does, killed or not: it watches its IPC channel.
 */
import type { ChildProcess } from 'node:child_process';
import { workerLimits } from '#core/limits.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import type { Fleet } from '#core/ports/pools.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { isStillAsked } from '#core/scaling/is-still-asked.ts';

export interface LocalFleetOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Starts one worker process of the pool, with an IPC channel. */
  readonly startWorker: (pool: string) => ChildProcess;
}

export interface LocalFleet extends Fleet {
  /** Process ids of the pool's workers. */
  processIds(pool: string): number[];
  /** Drains every worker and waits until all are gone. */
  close(): Promise<void>;
}

const restartMsMin = 500;
const restartMsMax = 30_000;
/** A worker that lived this long was healthy: the next death starts the pauses over. */
const healthyMs = 10_000;
/** After this, a worker that will not drain is killed; its jobs come back when their leases run out. */
const killAfterMs = workerLimits.drainMs + 5_000;

interface WorkerSlot {
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
  isStopping: boolean;
}

interface PoolFleet {
  desired: number;
  restartMs: number;
  readonly slots: Set<WorkerSlot>;
}

export function createLocalFleet(options: LocalFleetOptions): LocalFleet {
  const { clock, log, metrics } = options;
  const pools = new Map<string, PoolFleet>();
  const closing = new AbortController();

  function poolOf(name: string): PoolFleet {
    const pool = pools.get(name) ?? { desired: 0, restartMs: restartMsMin, slots: new Set<WorkerSlot>() };
    pools.set(name, pool);
    return pool;
  }

  function level(name: string): void {
    const pool = poolOf(name);
    const serving = servingSlots(pool);
    for (let count = serving.length; count < pool.desired; count += 1) start(name, pool);
    for (const slot of serving.slice(pool.desired)) stop(slot);
  }

  function start(name: string, pool: PoolFleet): void {
    const startedAtMs = clock.nowMs();
    const child = options.startWorker(name);
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const slot: WorkerSlot = { child, gone, isStopping: false };
    pool.slots.add(slot);
    log.info('fleet.worker_started', { pool: name, pid: child.pid });
    child.once('error', (error) => log.error('fleet.worker_failed', { pool: name, reason: error.message }));
    child.once('close', (code, signal) => {
      pool.slots.delete(slot);
      log.info('fleet.worker_ended', { pool: name, pid: child.pid, code, signal });
      resolve();
      if (!slot.isStopping) void replace(name, pool, clock.nowMs() - startedAtMs);
    });
  }

  async function replace(name: string, pool: PoolFleet, livedMs: number): Promise<void> {
    const isHealthy = livedMs >= healthyMs;
    if (!isHealthy) metrics.tell('fleet.boot_failed', { boots_failed: 1 }, { pool: name });
    pool.restartMs = isHealthy ? restartMsMin : Math.min(restartMsMax, pool.restartMs * 2);
    await clock.sleep(pool.restartMs, closing.signal);
    if (!closing.signal.aborted) level(name);
  }

  function stop(slot: WorkerSlot): void {
    slot.isStopping = true;
    slot.child.kill('SIGTERM');
    void clock.sleep(killAfterMs, abortWhen(slot.gone)).then(() => {
      if (slot.child.exitCode === null && slot.child.signalCode === null) slot.child.kill('SIGKILL');
    });
  }

  return {
    async status(name) {
      const pool = poolOf(name);
      return { desired: pool.desired, running: servingSlots(pool).length };
    },
    async setDesired(name, desired, before) {
      const pool = poolOf(name);
      if (!isStillAsked(pool.desired, { desired, before })) return 'elsewhere';
      pool.desired = desired;
      if (!closing.signal.aborted) level(name);
      return 'set';
    },
    processIds: (name) => [...poolOf(name).slots].flatMap(({ child }) => child.pid ?? []),
    async close() {
      closing.abort();
      const slots = [...pools.values()].flatMap((pool) => [...pool.slots]);
      for (const slot of slots) stop(slot);
      await Promise.all(slots.map(({ gone }) => gone));
    },
  };
}

function servingSlots(pool: PoolFleet): WorkerSlot[] {
  return [...pool.slots].filter((slot) => !slot.isStopping);
}

function abortWhen(done: Promise<void>): AbortSignal {
  const controller = new AbortController();
  void done.then(() => controller.abort());
  return controller.signal;
}
