/** Puts together the runners of a pool and the folders that they find their models in, from the environment. */
import type { BlobConfig } from '#aws/clients.ts';
import { createBlobClient } from '#aws/clients.ts';
import { createS3Weights } from '#aws/s3-weights.ts';
import { StartError } from '#core/errors.ts';
import type { Catalog, Model } from '#core/models/manifest.ts';
import { residentMbOf } from '#core/models/manifest.ts';
import type { Clock, Log } from '#core/ports.ts';
import type { PrewarmEnv } from './env.ts';
import { RunnerClient } from './runner-client.ts';
import { runnerCommand } from './runner-command.ts';
import { RunnerPool } from './runner-pool.ts';
import type { ModelFolders } from './weights/model-folders.ts';
import { createModelFolders } from './weights/model-folders.ts';

export interface PoolRunners {
  readonly runners: RunnerPool;
  /** Null where the weights lie beside the manifests. */
  readonly folders: ModelFolders | null;
  /** Of the pool, at least one. */
  readonly models: readonly Model[];
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
  const command = runnerCommand(first.manifest.engine, {
    python: env.PILOTLIGHT_PYTHON,
    device: env.PILOTLIGHT_DEVICE,
  });
  const weights = openWeights({ clock, log }, env);
  const modelsDir = weights?.folders.modelsDir ?? env.PILOTLIGHT_MODELS_DIR;
  const runners = new RunnerPool({
    createClient: (memoryMaxMb) =>
      new RunnerClient({ command, modelsDir, clock, log, memoryMaxMb: memoryMaxMb ?? undefined }),
    residentMb: (model) => residentMbOf(catalog, model),
    gpuMemoryMb: env.PILOTLIGHT_GPU_MEMORY_MB,
  });
  return {
    runners,
    folders: weights?.folders ?? null,
    models,
    async close() {
      await runners.close();
      weights?.close();
    },
  };
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
