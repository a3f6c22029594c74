/** Whether the weights of each model are where its workers bring them from. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createS3Weights } from '#aws/s3-weights.ts';
import type { Manifest } from '#core/models/manifest.ts';
import type { WeightFile, WeightStore } from '#core/models/weight-list.ts';
import { filesOf, listName, weightListSchema } from '#core/models/weight-list.ts';
import { readDeployed } from './deployed.ts';
import type { Finding } from './finding.ts';
import { later, ok, wrong } from './finding.ts';
import type { Scene } from './scene.ts';

export async function checkWeights(scene: Scene): Promise<Finding[]> {
  const { deployment, clients } = scene;
  const bucket = (await readDeployed(scene))?.bucket ?? null;
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
