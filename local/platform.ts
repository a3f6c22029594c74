/**
 * The whole platform in one process plus workers: the composition root of the laptop. The same adapters, flows,
 * Lambda entry and worker as on AWS; only who starts them differs.
 */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAwsPorts } from '#aws/aws-ports.ts';
import type { AwsConfig } from '#aws/clients.ts';
import { costEnvSchema, costSettingsOf } from '#aws/cost-env.ts';
import { createEmfMetrics, createEmfReader } from '#aws/emf-metrics.ts';
import { awsEnvOf, parseEnv } from '#aws/env.ts';
import { createJsonLog } from '#aws/json-log.ts';
import { readManifests } from '#aws/manifest-files.ts';
import { systemClock } from '#aws/system-clock.ts';
import { publicHttps } from '#core/egress/policy.ts';
import { AppError, StartError } from '#core/errors.ts';
import { createCatalog } from '#core/models/manifest.ts';
import { measuredFleet } from '#core/observability/measured.ts';
import type { Metrics } from '#core/observability/metrics.ts';
import { tellAll } from '#core/observability/metrics.ts';
import { createMetricsInMemory } from '#core/observability/prometheus.ts';
import type { Clock } from '#core/ports/process.ts';
import type { ScalingBounds } from '#core/scaling/policy.ts';
import type { ApiDeps } from '#functions/api/api-deps.ts';
import { oidcEnvSchema, oidcOptionsOf } from '#functions/api/env.ts';
import { createApiHandler } from '#functions/api/handler.ts';
import { paceRefusals } from '#functions/api/refusal-pace.ts';
import project from '../package.json' with { type: 'json' };
import { startBatches } from './batches.ts';
import type { LocalCredentials } from './credentials.ts';
import { ensureCredentials, ensureSecrets } from './credentials.ts';
import { startDrops } from './drops.ts';
import { makeWritable, startEmulators } from './emulators.ts';
import { createLocalFleet } from './fleet.ts';
import { startGateway } from './gateway.ts';
import type { LogFile } from './log-file.ts';
import { openLogFile } from './log-file.ts';
import { createOwnPools } from './own-pools.ts';
import { createTenantPorts } from './tenant-ports.ts';
import { startTicks } from './ticks.ts';
import { alsoLocal, outboundTo, startWebhooks } from './webhooks.ts';
import { checkWeights, runsHere } from './weights.ts';

export interface PlatformOptions extends ScalingBounds {
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** @default the models of this checkout */
  readonly modelsDir?: string;
  /**
   * Webhooks may go to http and to private addresses.
   * @default false
   */
  readonly allowLocalWebhooks?: boolean;
}

export interface Platform {
  readonly url: string;
  readonly credentials: LocalCredentials;
  readonly ports: ReturnType<typeof createAwsPorts>;
  /** Where everything is: for a worker that is started by hand. */
  readonly config: AwsConfig;
  /** Process ids of all workers. */
  workerIds(): number[];
  /** Drains the workers and stops; what is open goes on at the next start. */
  close(): Promise<void>;
}

/** A child process that loads a small model from the disk: until the first one was seen to start. */
const childWakeMs = 1_500;

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @throws StartError in one clear line for everything a person can mend */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const modelsDir = options.modelsDir ?? join(root, 'gpu-container', 'models');
  const { catalog, leftOut } = await localCatalog(modelsDir);
  await checkWeights(catalog, modelsDir);
  const costs = costSettingsOf(parseEnv(costEnvSchema, process.env), catalog);

  await makeWritable(options.dataDir);
  const logFile = await openLogFile(join(options.dataDir, 'pilotlight.log'));
  const { log, metrics, numbers } = tellingTo(logFile);
  const emulators = await startEmulators({ dataDir: options.dataDir, pools: catalog.pools(), log });
  if (leftOut.length > 0) log.info('models.left_out', { models: leftOut.join(' ') });
  const ports = createAwsPorts(emulators.config, { log, metrics });
  const closeStores = async () => {
    ports.close();
    await emulators.close();
    await logFile.close();
  };

  try {
    const secrets = await ensureSecrets(options.dataDir);
    const webhookAddresses = options.allowLocalWebhooks === true ? alsoLocal : publicHttps;
    const startWorker = workerStarter(emulators.config, modelsDir, { logFile, numbers });
    const fleet = createLocalFleet({ clock: systemClock, log, metrics, startWorker });
    const ownPools = await createOwnPools({ catalog, pools: ports.pools, addQueue: emulators.addPool });
    const ticks = startTicks({ ...ports, catalog, costs, fleet: measuredFleet(fleet, ports) }, options);
    const outbound = outboundTo(webhookAddresses);
    const delivering = { ...ports, outbound, webhookKey: secrets.webhookKey, chance: Math.random };
    const webhooks = startWebhooks(delivering, metrics);
    const submitting = { ...ports, catalog, outbound, ownPools, scaler: ticks };
    const batches = startBatches(submitting);
    const drops = startDrops(ports, emulators.config, emulators.dropQueueUrl);
    const tenantPorts = createTenantPorts({ dataDir: options.dataDir, log });
    const answer = createApiHandler({
      ...submitting,
      ...(await tokensOf(ports)),
      tenantPorts,
      costs,
      keyPepper: secrets.keyPepper,
      webhookKey: secrets.webhookKey,
      webhookAddresses,
      wakeMs: childWakeMs,
      metricsText: numbers.text,
      version: project.version,
    });
    const handler = paceRefusals(answer, systemClock);
    const gateway = await startGateway({ handler, port: options.port, log });
    await tenantPorts.start(handler);
    const { dataDir } = options;
    const { url } = gateway;
    const credentials = await ensureCredentials(ports, { dataDir, pepper: secrets.keyPepper, url });
    return {
      url: gateway.url,
      credentials,
      ports,
      config: emulators.config,
      workerIds: () => ownPools.names().flatMap((pool) => fleet.processIds(pool)),
      async close() {
        await Promise.all([gateway.close(), tenantPorts.stop()]);
        await Promise.all([ticks.stop(), webhooks.stop(), batches.stop(), drops.stop()]);
        await fleet.close();
        await closeStores();
      },
    };
  } catch (error) {
    await closeStores();
    // Nobody else uses these stores yet: they answer so when they cannot write.
    const cannotWrite = error instanceof AppError && error.code === 'unavailable';
    throw cannotWrite ? new StartError('data_full', options.dataDir, error) : error;
  }
}

/** Lines and numbers go to one file; the numbers are kept in memory too, for Prometheus. */
function tellingTo({ write }: LogFile) {
  const numbers = createMetricsInMemory();
  const lines = createEmfMetrics({ clock: systemClock, deployment: 'local', write });
  return { log: createJsonLog(systemClock, {}, write), numbers, metrics: tellAll([numbers, lines]) };
}

async function localCatalog(modelsDir: string) {
  const manifests = await readManifests(modelsDir);
  const python = process.env.PILOTLIGHT_PYTHON;
  const offered = await Promise.all(manifests.map((manifest) => runsHere(manifest, { modelsDir, python })));
  return {
    catalog: createCatalog(manifests.filter((_, index) => offered[index])),
    leftOut: manifests.filter((_, index) => !offered[index]).map(({ id }) => id),
  };
}

/** As on AWS, by environment. Loaded only where an issuer is configured, so that nobody else's start waits for it. */
async function tokensOf(ports: { readonly clock: Clock }): Promise<Pick<ApiDeps, 'tokens'>> {
  const oidc = oidcOptionsOf(parseEnv(oidcEnvSchema, process.env));
  if (oidc === null) return {};
  const { createTokenReader } = await import('#functions/api/oidc.ts');
  return { tokens: createTokenReader({ ...oidc, clock: ports.clock }) };
}

/** Worker processes get where things are by environment alone, as an ECS task does. */
function workerStarter(
  config: AwsConfig,
  modelsDir: string,
  { logFile, numbers }: { readonly logFile: LogFile; readonly numbers: Metrics },
): (pool: string) => ChildProcess {
  return (pool) => {
    const child = spawn(process.execPath, [join(root, 'gpu-container', 'worker', 'main.ts')], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        TMPDIR: process.env.TMPDIR,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        ...awsEnvOf(config),
        PILOTLIGHT_POOL: pool,
        PILOTLIGHT_MODELS_DIR: modelsDir,
        PILOTLIGHT_GPU_MEMORY_MB: process.env.PILOTLIGHT_GPU_MEMORY_MB,
        PILOTLIGHT_PYTHON: process.env.PILOTLIGHT_PYTHON,
        PILOTLIGHT_SPANS: 'log',
        PILOTLIGHT_DEVICE: process.env.PILOTLIGHT_DEVICE,
      },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', logFile.write);
    }
    // Its metrics are lines of its output, as CloudWatch reads them.
    child.stdout?.on('data', createEmfReader(numbers));
    return child;
  };
}
