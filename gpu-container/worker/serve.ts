/**
 * Serves one pool, until SIGTERM.
 *
 * Shutdown ladder: SIGTERM (ECS scale-in, Spot notice, Ctrl-C) stops new batches; the batch under way may finish
 * within `workerLimits.drainMs`, then goes back to the line without spending an attempt. A parent that dies without
 * a word (the local stack, killed) ends the worker at once: its leases run out.
 */
import type { AwsPorts } from '#aws/aws-ports.ts';
import { createPortsOfProcess } from '#aws/aws-ports.ts';
import { parseEnv } from '#aws/env.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import type { TaskProtection } from '#aws/task-protection.ts';
import { createTaskProtection } from '#aws/task-protection.ts';
import { StartError } from '#core/errors.ts';
import type { Reports } from '#core/flows/report.ts';
import { startReports } from '#core/flows/report.ts';
import { work } from '#core/flows/work.ts';
import { ticketLimits, workerLimits } from '#core/limits.ts';
import type { Catalog } from '#core/models/manifest.ts';
import { measuredRunner } from '#core/observability/measured.ts';
import { createMetricsInMemory } from '#core/observability/prometheus.ts';
import { tracedWorker } from '#core/observability/traced-worker.ts';
import type { Log } from '#core/ports/process.ts';
import type { Runner } from '#core/ports/runner.ts';
import { firstModels } from '#core/scaling/first-models.ts';
import type { DiskAdapterCache } from './adapter-cache.ts';
import { openAdapterCache } from './adapter-cache.ts';
import { watchCard } from './card-watch.ts';
import type { WorkerEnv } from './env.ts';
import { workerEnvSchema } from './env.ts';
import { serveMetrics } from './metrics-endpoint.ts';
import { prewarm } from './prewarm.ts';
import { keepReady } from './ready-file.ts';
import type { PoolRunners } from './runners.ts';
import { createPoolRunners } from './runners.ts';
import { openSpans } from './spans.ts';
import { withWeights } from './weights/with-weights.ts';

interface Life {
  /** Aborts when no further batch may start. */
  readonly stopping: AbortSignal;
  /** Aborts when the batch under way must go back to the line. */
  readonly interrupt: AbortSignal;
}

interface Scene extends AwsPorts {
  readonly env: WorkerEnv;
  readonly workerId: string;
  readonly catalog: Catalog;
  readonly pool: PoolRunners;
  readonly runner: Runner;
  readonly adapterCache: DiskAdapterCache;
  readonly reports: Reports;
  /** Null where no ECS could stop the worker. */
  readonly protection: TaskProtection | null;
  readonly life: Life;
}

/** The exit code, once the worker is drained. @throws StartError for what a person can mend */
export async function serve(): Promise<number> {
  const env = parseEnv(workerEnvSchema, process.env);
  const numbers = createMetricsInMemory();
  const own = createPortsOfProcess(env, [numbers]);
  const endpoint = await serveMetrics(env.PILOTLIGHT_METRICS_LISTEN, numbers);
  const workerId = own.ids.next('worker');
  // Before anything that takes time: a process that is the first of its container does not end by itself.
  const life = watchForTheEnd(own.log, workerId);
  const spans = await openSpans(own, env);
  const traced = spans === null ? null : tracedWorker(own, { ...own, spans, workerId });
  const ports = traced?.ports ?? own;
  const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
  const pool = createPoolRunners({ ...ports, catalog }, env);
  const reports = startReports(ports, { workerId, pool: env.PILOTLIGHT_POOL });
  life.stopping.addEventListener('abort', () => reports.draining());
  const told = { ...ports, pool: env.PILOTLIGHT_POOL };
  const measured = measuredRunner(brought(ports.log, { catalog, pool, life }), told);
  const runner = reports.watch(traced?.watch(measured) ?? measured);
  const adapterCache = await openAdapterCache({ files: ports.adapterFiles });
  const agentUri = env.ECS_AGENT_URI;
  const protection = agentUri === undefined ? null : createTaskProtection({ ...ports, agentUri });
  const scene = { ...ports, env, workerId, catalog, pool, runner, adapterCache, reports, protection, life };
  try {
    await serveUntilTheEnd(scene);
  } finally {
    await protection?.close();
    await pool.close();
    await adapterCache.close();
    await reports.end();
    await spans?.close();
    ports.close();
    endpoint.close();
  }
  return 0;
}

async function serveUntilTheEnd(scene: Scene): Promise<void> {
  const { env, workerId, life, reports, catalog, pool } = scene;
  // Loading beside the first long poll takes the model's load time out of the first job's wait.
  const prewarmed = env.PILOTLIGHT_PREWARM === 'none' ? null : prewarmFirst(scene);
  if (env.PILOTLIGHT_PREWARM === 'shapes') {
    // A load cannot be called off; it ends with its process.
    const giveUp = () => void pool.runners.close();
    life.interrupt.addEventListener('abort', giveUp);
    await prewarmed;
    life.interrupt.removeEventListener('abort', giveUp);
  }
  if (life.stopping.aborted) return;
  reports.serving();
  const who = { workerId, pool: env.PILOTLIGHT_POOL };
  const file = env.PILOTLIGHT_READY_FILE;
  const kept = file === undefined ? null : keepReady(scene, file, who, life.stopping);
  const slots = slotsOf(catalog, env.PILOTLIGHT_POOL);
  const onBusy = (isBusy: boolean) => scene.protection?.busy(isBusy);
  const watching = watchCard({
    ...scene,
    pool: env.PILOTLIGHT_POOL,
    readCard: pool.readCard,
    stopping: life.stopping,
  });
  await work(scene, { ...who, ...life, slots, gpuMemoryMb: env.PILOTLIGHT_GPU_MEMORY_MB, onBusy });
  await Promise.all([prewarmed, kept, watching]);
}

/** Weights are brought before a load where they come from the bucket. */
function brought(
  log: Log,
  { catalog, pool, life }: { readonly catalog: Catalog; readonly pool: PoolRunners; readonly life: Life },
): Runner {
  const { folders, runners } = pool;
  return folders === null
    ? runners
    : withWeights({ catalog, folders, log, runner: runners, signal: life.interrupt });
}

/** As many jobs as the pool's widest batch takes. */
function slotsOf(catalog: Catalog, pool: string): number {
  const widest = Math.max(1, ...catalog.poolModels(pool).map(({ manifest }) => manifest.batch_max));
  return Math.min(widest, ticketLimits.receiveMax);
}

/**
 * Of `load` nothing depends on it: a model that could not be loaded ahead is loaded for its first job. A worker that is
 * to run each size first serves only once a model came up.
 * @throws StartError `model_not_ready` when none did, under `shapes` alone
 */
async function prewarmFirst(scene: Scene): Promise<void> {
  const { env, pool, runner, log, clock, life } = scene;
  const isDeep = env.PILOTLIGHT_PREWARM === 'shapes';
  // Loads are told as the worker's own; dummy generations are no batches, and are not.
  const direct: Runner = {
    load: (...ask) => runner.load(...ask),
    run: (...ask) => pool.runners.run(...ask),
    cancel: (itemId) => pool.runners.cancel(itemId),
    resident: () => pool.runners.resident(),
  };
  const ports = {
    clock,
    log,
    folders: pool.folders,
    runner: direct,
    gpuMemoryMb: env.PILOTLIGHT_GPU_MEMORY_MB,
  };
  let failed = '';
  let ready = 0;
  for (const model of await firstOf(scene)) {
    if (life.stopping.aborted) break;
    const depth = isDeep ? 'shapes' : 'load';
    const outcome = await prewarm(ports, model, { depth, signal: life.stopping });
    if (outcome.kind === 'ready') ready += 1;
    else failed = `${model.manifest.id}: ${outcome.stage}: ${outcome.message}`;
  }
  if (isDeep && failed !== '' && ready === 0 && !life.stopping.aborted)
    throw new StartError('model_not_ready', failed);
}

/** None where the store cannot say what tenants pay to have warm: jobs bring their models themselves. */
async function firstOf({ env, pool, pools, log, clock }: Scene) {
  try {
    const { orders } = await pools.read(env.PILOTLIGHT_POOL);
    return firstModels(pool.models, orders, clock.nowMs());
  } catch (error) {
    log.warn('worker.not_prewarmed', { pool: env.PILOTLIGHT_POOL, reason: String(error) });
    return [];
  }
}

function watchForTheEnd(log: Log, workerId: string): Life {
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
