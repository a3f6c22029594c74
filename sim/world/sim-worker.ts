/** A worker of the simulated fleet: the product's own loop over a runner that takes simulated time. */
import { startReports } from '#core/flows/report.ts';
import { work } from '#core/flows/work.ts';
import { workerLimits } from '#core/limits.ts';
import type { Runner } from '#core/ports/runner.ts';
import { createMemoryAdapterCache } from '../memory/memory-adapters.ts';
import { createMemoryRunner } from '../memory/memory-runner.ts';
import { violate } from './history.ts';
import type { SimWorker } from './sim-fleet.ts';
import { checkEnded } from './stop-checker.ts';
import { watchRunner } from './watch-runner.ts';
import type { Ground, Running } from './world.ts';

const loadMs = 2_000;
const slots = 4;

/** `onEnd` is told when the process ends, however it does. */
export function startWorker(
  { loop, catalog, ids, log, history }: Ground,
  { process, ports }: Running,
  pool: string,
  onEnd: (worker: SimWorker) => void,
): SimWorker {
  const { clock, name: workerId } = process;
  const stopping = new AbortController();
  const interrupt = new AbortController();
  const worker: SimWorker = {
    process,
    drain() {
      const { stops } = history.stops;
      stops.set(workerId, stops.get(workerId) ?? loop.clock.nowMs());
      stopping.abort();
      loop.after(workerLimits.drainMs, () => interrupt.abort());
    },
  };
  const reports = startReports({ ...ports, clock, log }, { workerId, pool });
  const onLoad = () => {
    const stoppedAtMs = history.stops.stops.get(workerId);
    if (stoppedAtMs !== undefined && loop.clock.nowMs() > stoppedAtMs)
      violate(history, 'I11', `${workerId} was told to go, and begins another batch`);
  };
  const runner = reports.watch(
    watchRunner(watchLoads(createMemoryRunner({ clock, loadMs }), onLoad), history, workerId),
  );
  const adapterCache = createMemoryAdapterCache(ports.adapterFiles);
  reports.serving();
  const ask = { workerId, pool, slots, stopping: stopping.signal, interrupt: interrupt.signal };
  void process
    .serve(() => work({ ...ports, adapterCache, catalog, clock, ids, log, runner }, ask))
    .then(async (served) => {
      if (served.kind === 'threw') log.error('worker.failed', { workerId, reason: String(served.error) });
      if (served.kind !== 'crashed') await process.serve(() => reports.end());
      process.kill();
      if (served.kind === 'answered') checkEnded(history, workerId);
      onEnd(worker);
    });
  return worker;
}

function watchLoads(runner: Runner, onLoad: () => void): Runner {
  return {
    ...runner,
    load(...ask) {
      onLoad();
      return runner.load(...ask);
    },
  };
}
