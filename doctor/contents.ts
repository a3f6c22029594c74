/** Whether what a worker needs is there: its image, and the weights of its models. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DescribeImagesCommand,
  ImageNotFoundException,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import { GetFunctionConfigurationCommand, ResourceNotFoundException } from '@aws-sdk/client-lambda';
import { createS3Weights } from '#aws/s3-weights.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { WeightFile, WeightStore } from '#core/models/weight-list.ts';
import { filesOf, listName, weightListSchema } from '#core/models/weight-list.ts';
import type { Finding } from './finding.ts';
import { later, ok, unknown, wrong } from './finding.ts';
import type { Scene } from './scene.ts';

const ecrForm =
  /^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([a-z0-9._/-]+)@(sha256:[0-9a-f]{64})$/;

export async function checkImages({ deployment, clients }: Scene): Promise<Finding[]> {
  const { pools, region } = deployment.config;
  return Promise.all(
    Object.entries(pools).map(async ([pool, { image }]) => {
      const said = { check: 'image', subject: pool } as const;
      if (image === undefined) return ok({ ...said, found: 'built by the deployment, which takes Docker' });
      const [, registryId, imageRegion, repositoryName, imageDigest] = ecrForm.exec(image) ?? [];
      if (imageRegion !== region) {
        return unknown(
          { ...said, found: image },
          'It is not in ECR of this region: see that instances can pull it.',
        );
      }
      const request = new DescribeImagesCommand({ registryId, repositoryName, imageIds: [{ imageDigest }] });
      try {
        await clients.ecr.send(request);
        return ok({ ...said, found: image });
      } catch (error) {
        const isMissing =
          error instanceof ImageNotFoundException || error instanceof RepositoryNotFoundException;
        if (!isMissing) throw error;
        return wrong({ ...said, found: `there is no ${image}` }, 'Push it, or correct `image` of the pool.');
      }
    }),
  );
}

export async function checkWeights(scene: Scene): Promise<Finding[]> {
  const { deployment, clients } = scene;
  const bucket = await bucketOf(scene);
  const store = bucket === null ? null : createS3Weights({ blobs: clients.s3, bucket });
  return Promise.all(deployment.manifests.map((manifest) => weightsOf(scene, manifest, { bucket, store })));
}

interface Bucket {
  readonly bucket: string | null;
  readonly store: WeightStore | null;
}

async function weightsOf(
  { modelsDir }: Scene,
  manifest: Manifest,
  { bucket, store }: Bucket,
): Promise<Finding> {
  const { id: model, revision, engine } = manifest;
  const said = { check: 'weights', subject: model } as const;
  const folder = join(modelsDir, model);
  const pinned = await pinnedList(folder);
  const isHere = pinned === null ? engine !== 'python' : await areHere(folder, pinned);
  if (isHere) return ok({ ...said, found: 'in the image' });
  const target = `s3://${bucket ?? 'BUCKET'}/models/${model}/${revision}`;
  const todo = `Bring them: aws s3 sync gpu-container/models/${model}/weights ${target}/weights, and ${listName} to ${target}/${listName} (docs/adding-a-model.md).`;
  if (store === null)
    return later({ ...said, found: 'there is no bucket yet' }, `After the first deployment. ${todo}`);
  const files = pinned ?? (await storedList(store, { model, revision }));
  if (files === null) return wrong({ ...said, found: `there is no ${target}/${listName}` }, todo);
  const amiss = await amissOf(store, { model, revision }, files);
  if (amiss.length === 0) return ok({ ...said, found: `${files.length} files in ${target}` });
  const more = amiss.length > 1 ? ` and ${amiss.length - 1} more` : '';
  return wrong(
    { ...said, found: `of ${files.length} files missing or of another length: ${amiss[0]}${more}` },
    todo,
  );
}

/** The bucket that the deployment made, as its one function with a name of its own knows it; null where there is none. */
async function bucketOf({ deployment, clients }: Scene): Promise<string | null> {
  const FunctionName = `${deployment.config.name}-scaler`;
  try {
    const { Environment } = await clients.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    return Environment?.Variables?.PILOTLIGHT_BUCKET ?? null;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return null;
    throw error;
  }
}

async function pinnedList(folder: string): Promise<readonly WeightFile[] | null> {
  try {
    return filesOf(weightListSchema.parse(JSON.parse(await readFile(join(folder, listName), 'utf8'))));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function areHere(folder: string, files: readonly WeightFile[]): Promise<boolean> {
  const sizes = await Promise.all(
    files.map(({ path }) =>
      stat(join(folder, path)).then(
        ({ size }) => size,
        () => null,
      ),
    ),
  );
  return files.every(({ bytes }, index) => sizes[index] === bytes);
}

type Ref = Pick<Parameters<WeightStore['look']>[0], 'model' | 'revision'>;

async function storedList(store: WeightStore, ref: Ref): Promise<readonly WeightFile[] | null> {
  const at = { ...ref, path: listName };
  const found = await store.look(at);
  if (found === null) return null;
  const text = await store.read(at, found.version, 0, found.bytes, AbortSignal.timeout(10_000));
  return filesOf(weightListSchema.parse(JSON.parse(new TextDecoder().decode(text))));
}

/** Hashes are the worker's to check: it reads every byte anyway. */
async function amissOf(store: WeightStore, ref: Ref, files: readonly WeightFile[]): Promise<string[]> {
  const found = await Promise.all(files.map(({ path }) => store.look({ ...ref, path })));
  return files.filter(({ bytes }, index) => found[index]?.bytes !== bytes).map(({ path }) => path);
}
