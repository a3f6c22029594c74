/** Puts together the runners of a pool and the folders that they find their models in, from the environment. */
import type { BlobConfig } from '#aws/clients.ts';
import { createBlobClient } from '#aws/clients.ts';
import { createS3Weights } from '#aws/s3-weights.ts';
import { StartError } from '#core/errors.ts';
import type { Catalog, Model } from '#core/models/manifest.ts';
import { residentMbOf } from '#core/models/manifest.ts';
import { callPatienceMs, loadPatienceMs } from '#core/models/patience.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import { createLocalHost } from '../runner-host/local-host.ts';
import { createRemoteHost } from '../runner-host/remote-host.ts';
import { runnerCommand } from '../runner-host/runner-command.ts';
import type { RunnerHost, RunnerStart } from '../runner-host/runner-host.ts';
import type { PrewarmEnv } from './env.ts';
import type { Patience } from './runner-client.ts';
import { RunnerClient } from './runner-client.ts';
import { RunnerPool } from './runner-pool.ts';
import type { ModelFolders } from './weights/model-folders.ts';
import { createModelFolders } from './weights/model-folders.ts';

export interface PoolRunners {
  readonly runners: RunnerPool;
  /** Null where the weights lie beside the manifests. */
  readonly folders: ModelFolders | null;
  /** Of the pool, at least one. */
  readonly models: readonly Model[];
  /** What the card of the runners does; null where they have none. Throws when nobody can say. */
  readonly readCard: RunnerHost['readCard'];
  /** Lets running work end, then ends every process. */
  close(): Promise<void>;
}

interface Ports {
  readonly clock: Clock;
  readonly log: Log;
  readonly catalog: Catalog;
}

type Env = Omit<PrewarmEnv, 'PILOTLIGHT_READY_FILE'>;

/** @throws StartError `invalid_environment` */
export function createPoolRunners({ clock, log, catalog }: Ports, env: Env): PoolRunners {
  const models = catalog.poolModels(env.PILOTLIGHT_POOL);
  const [first] = models;
  if (first === undefined) {
    const message = `PILOTLIGHT_POOL: no model has the pool ${env.PILOTLIGHT_POOL}`;
    throw new StartError('invalid_environment', message);
  }
  const { engine } = first.manifest;
  const host = openHost({ clock, log }, env, engine);
  const weights = openWeights({ clock, log }, env);
  const modelsDir = weights?.folders.modelsDir ?? env.PILOTLIGHT_MODELS_DIR;
  const patience = patienceOf(catalog);
  const runners = new RunnerPool({
    createClient: (memoryMaxMb) =>
      new RunnerClient({
        ...{ host, engine, modelsDir, clock, log, patience },
        memoryMaxMb: memoryMaxMb ?? undefined,
      }),
    residentMb: (model) => residentMbOf(catalog, model),
    gpuMemoryMb: env.PILOTLIGHT_GPU_MEMORY_MB,
  });
  return {
    runners,
    folders: weights?.folders ?? null,
    models,
    readCard: () => host.readCard(),
    async close() {
      await runners.close();
      host.close();
      weights?.close();
    },
  };
}

function patienceOf(catalog: Catalog): Patience {
  return {
    loadMs: (model) => loadPatienceMs(catalog, model),
    callMs: ({ model, items }) =>
      callPatienceMs(
        catalog,
        model,
        items.map(({ params }) => params),
      ),
  };
}

/** In another container where the environment names one, else this process itself. */
function openHost(ports: Pick<Ports, 'clock' | 'log'>, env: Env, engine: RunnerStart['engine']): RunnerHost {
  const { PILOTLIGHT_RUNNER_HOST: socketPath, PILOTLIGHT_RUNNER_SCRATCH: scratchRoot } = env;
  if (socketPath !== undefined) {
    if (scratchRoot === undefined) {
      const message = 'PILOTLIGHT_RUNNER_SCRATCH: must be set where PILOTLIGHT_RUNNER_HOST is';
      throw new StartError('invalid_environment', message);
    }
    return createRemoteHost({ ...ports, socketPath, scratchRoot });
  }
  const { PILOTLIGHT_PYTHON: python, PILOTLIGHT_DEVICE: device } = env;
  // At once, not with the first job.
  const command = runnerCommand(engine, { python, device });
  return createLocalHost({ commandOf: () => command, device, scratchRoot });
}

function openWeights(ports: Pick<Ports, 'clock' | 'log'>, env: Env) {
  const { AWS_REGION: region, PILOTLIGHT_BUCKET: bucket, PILOTLIGHT_WEIGHTS_DIR: weightsDir } = env;
  if (weightsDir === undefined || region === undefined || bucket === undefined) return null;
  const endpoints = env.PILOTLIGHT_ENDPOINTS;
  const config: BlobConfig = { region, ...(endpoints === undefined ? {} : { endpoints }) };
  const blobs = createBlobClient(config);
  const folders = createModelFolders({
    ...ports,
    store: createS3Weights({ blobs, bucket }),
    chance: Math.random,
    modelsDir: env.PILOTLIGHT_MODELS_DIR,
    weightsDir,
  });
  return { folders, close: () => blobs.destroy() };
}
