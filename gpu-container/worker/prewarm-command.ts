/** `worker prewarm`: makes a machine ready for a pool and ends. For launch hooks of warm pools, images of disks, tests. */
import { parseEnv } from '#aws/env.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { systemClock } from '#aws/system-clock.ts';
import { StartError } from '#core/errors.ts';
import type { Model } from '#core/models/manifest.ts';
import { prewarmEnvSchema } from './env.ts';
import type { PrewarmDepth, Prewarmed, PrewarmPorts, PrewarmStage } from './prewarm.ts';
import { prewarm } from './prewarm.ts';
import { parsePrewarmOptions, prewarmHelp } from './prewarm-options.ts';
import { removeReady, writeReady } from './ready-file.ts';
import { createPoolRunners } from './runners.ts';

/** Of a model that did not come up, by the stage it failed at. 2 is a wrong command line or environment. */
const exitCodes: Readonly<Record<PrewarmStage, number>> = { weights: 3, load: 4, run: 5, stopped: 6 };

interface Report {
  readonly pool: string;
  readonly models: readonly (Prewarmed & { readonly model: string; readonly revision: string })[];
}

/** The exit code. @throws StartError `invalid_arguments`, `invalid_environment`, `invalid_manifest` */
export async function prewarmCommand(argv: readonly string[]): Promise<number> {
  const asked = parsePrewarmOptions(argv);
  if (asked === null) {
    process.stdout.write(`${prewarmHelp}\n`);
    return 0;
  }
  const env = parseEnv(prewarmEnvSchema, process.env);
  const [clock, log] = [systemClock, createJsonLog(systemClock)];
  const catalog = await readCatalog(env.PILOTLIGHT_MODELS_DIR);
  const pool = createPoolRunners({ clock, log, catalog }, env);
  const models = chosen(pool.models, asked.model);
  const signal = AbortSignal.any([AbortSignal.timeout(asked.timeout * 1000), terminated()]);
  // A load that hangs ends with its process.
  signal.addEventListener('abort', () => void pool.runners.close(), { once: true });
  const readyFile = env.PILOTLIGHT_READY_FILE;
  if (readyFile !== undefined) await removeReady(readyFile);

  const ports = {
    clock,
    log,
    runner: pool.runners,
    folders: pool.folders,
    gpuMemoryMb: env.PILOTLIGHT_GPU_MEMORY_MB,
  };
  const report = {
    pool: env.PILOTLIGHT_POOL,
    models: await prewarmAll(ports, models, { depth: asked.depth, signal }),
  };
  await pool.close();
  const code = exitCodeOf(report);
  if (code === 0 && readyFile !== undefined) {
    await writeReady(readyFile, { at_ms: clock.nowMs(), worker_id: null, ...report });
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return code;
}

/** One after another: there is one card. The rest is not tried once one failed, so that the cause stands last. */
async function prewarmAll(
  ports: PrewarmPorts,
  models: readonly Model[],
  ask: { readonly depth: PrewarmDepth; readonly signal: AbortSignal },
): Promise<Report['models']> {
  const done: Report['models'][number][] = [];
  for (const model of models) {
    const { id, revision } = model.manifest;
    const outcome = await prewarm(ports, model, ask);
    done.push({ model: id, revision, ...outcome });
    if (outcome.kind === 'failed') break;
  }
  return done;
}

function exitCodeOf({ models }: Report): number {
  const failed = models.find((each) => each.kind === 'failed');
  return failed === undefined ? 0 : exitCodes[failed.stage];
}

function chosen(models: readonly Model[], names: readonly string[]): readonly Model[] {
  const ids = models.map(({ manifest }) => manifest.id);
  const unknown = names.filter((name) => !ids.includes(name));
  if (unknown.length > 0) {
    const message = `--model: the pool has ${ids.join(', ')}, and not ${unknown.join(', ')}`;
    throw new StartError('invalid_arguments', message);
  }
  return names.length === 0 ? models : models.filter(({ manifest }) => names.includes(manifest.id));
}

function terminated(): AbortSignal {
  const ended = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => ended.abort());
  return ended.signal;
}
