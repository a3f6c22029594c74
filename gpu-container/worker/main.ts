/**
 * Entry of a worker process: one pool, one runner, until SIGTERM.
 *
 * Shutdown ladder: SIGTERM (ECS scale-in, Spot notice, Ctrl-C) stops new batches; the batch under way may finish
 * within `workerLimits.drainMs`, then goes back to the line without spending an attempt. A parent that dies without
 * a word (the local stack, killed) ends the worker at once: its leases run out.
 */
import { createAwsPorts } from '#aws/aws-ports.ts';
import { awsConfigOf, parseEnv } from '#aws/env.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { StartError } from '#core/errors.ts';
import { startReports } from '#core/flows/report.ts';
import { work } from '#core/flows/work.ts';
import { ticketLimits, workerLimits } from '#core/limits.ts';
import type { Catalog } from '#core/models/manifest.ts';
import type { Clock, Log, Pools, Runner } from '#core/ports.ts';
import { firstModels } from '#core/scaling/first-models.ts';
import { workerEnvSchema } from './env.ts';
import { RunnerClient } from './runner-client.ts';
import { runnerCommand } from './runner-command.ts';
import { RunnerPool } from './runner-pool.ts';

async function main(): Promise<void> {
  const env = parseEnv(workerEnvSchema, process.env);
  const ports = createAwsPorts(awsConfigOf(env));
  const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
  const models = catalog.poolModels(env.PILOTLIGHT_POOL);
  const [first] = models;
  if (first === undefined) {
    throw new StartError(
      'invalid_environment',
      `PILOTLIGHT_POOL: no model has the pool ${env.PILOTLIGHT_POOL}`,
    );
  }
  const workerId = ports.ids.next('worker');
  const reports = startReports(ports, { workerId, pool: env.PILOTLIGHT_POOL });
  const { PILOTLIGHT_GPU_MEMORY_MB: gpuMemoryMb } = env;
  const command = runnerCommand(first.manifest.engine, {
    python: env.PILOTLIGHT_PYTHON,
    device: env.PILOTLIGHT_DEVICE,
  });
  const runners = new RunnerPool({
    createClient: (memoryMaxMb) =>
      new RunnerClient({
        command,
        modelsDir: env.PILOTLIGHT_MODELS_DIR,
        clock: ports.clock,
        log: ports.log,
        memoryMaxMb: memoryMaxMb ?? undefined,
      }),
    weightsMb: (model) => catalog.get(model)?.manifest.memory.weights_mb ?? 0,
    gpuMemoryMb,
  });
  const runner = reports.watch(runners);
  const life = watchForTheEnd(ports.log, workerId);
  life.stopping.addEventListener('abort', () => reports.draining());
  // Loading beside the first long poll takes the model's load time out of the first job's wait.
  const prewarmed = prewarm({ ...ports, catalog, runner }, env.PILOTLIGHT_POOL);
  reports.serving();
  await work(
    { ...ports, catalog, runner },
    {
      workerId,
      pool: env.PILOTLIGHT_POOL,
      slots: slotsOf(catalog, env.PILOTLIGHT_POOL),
      gpuMemoryMb,
      ...life,
    },
  );
  await prewarmed;
  await runners.close();
  await reports.end();
  ports.close();
}

/** As many jobs as the pool's widest batch takes. */
function slotsOf(catalog: Catalog, pool: string): number {
  const widest = Math.max(1, ...catalog.poolModels(pool).map(({ manifest }) => manifest.batch_max));
  return Math.min(widest, ticketLimits.receiveMax);
}

interface PrewarmPorts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  readonly pools: Pick<Pools, 'read'>;
  readonly runner: Runner;
}

/** Nothing depends on it: a model that could not be loaded ahead is loaded for its first job. */
async function prewarm(ports: PrewarmPorts, pool: string): Promise<void> {
  const { catalog, clock, log, runner } = ports;
  try {
    const { orders } = await ports.pools.read(pool);
    for (const { manifest } of firstModels(catalog.poolModels(pool), orders, clock.nowMs())) {
      const { id, revision } = manifest;
      const outcome = await runner.load(id, revision);
      log.info('worker.prewarmed', { model: id, outcome: outcome.kind });
    }
  } catch (error) {
    log.warn('worker.not_prewarmed', { pool, reason: String(error) });
  }
}

function watchForTheEnd(log: Log, workerId: string): { stopping: AbortSignal; interrupt: AbortSignal } {
  const stopping = new AbortController();
  const interrupt = new AbortController();
  const drain = (reason: string) => {
    if (stopping.signal.aborted) return;
    log.info('worker.draining', { workerId, reason });
    stopping.abort();
    setTimeout(() => interrupt.abort(), workerLimits.drainMs).unref();
  };
  process.on('SIGTERM', () => drain('SIGTERM'));
  // A terminal sends Ctrl-C to the whole group; the parent decides about it and sends SIGTERM.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => process.exit(1));
  return { stopping: stopping.signal, interrupt: interrupt.signal };
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof StartError ? error.message : String(error)}\n`);
    process.exit(error instanceof StartError ? 2 : 1);
  },
);
