import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCatalog } from '#aws/manifest-files.ts';
import { systemClock } from '#aws/system-clock.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { createCatalog } from '#core/models/manifest.ts';
import type { WeightStore } from '#core/models/weight-list.ts';
import type { Runner } from '#core/ports/runner.ts';
import { createModelFolders } from './model-folders.ts';
import { entryOf, keptLog, listOf, openWeightsScene, sampleBytes, watched } from './weights-scene.ts';
import { withWeights } from './with-weights.ts';

const shipped = join(import.meta.dirname, '..', '..', 'models');
const body = sampleBytes(5000);
const file = entryOf('weights/model.safetensors', body);
const never = new AbortController().signal;

/** The image of a worker with one model for the Python runtime, whose weights lie in the store. */
async function openScene(options: { list?: 'image' | 'store' | 'none' } = {}) {
  const scene = await openWeightsScene();
  const modelsDir = join(scene.home, 'image');
  await cp(join(shipped, 'z-image-turbo'), join(modelsDir, 'z-image-turbo'), { recursive: true });
  await writeFile(join(modelsDir, 'z-image-turbo', 'NOTICE.md'), 'notice');
  const { list = 'store' } = options;
  if (list === 'image') await writeFile(join(modelsDir, 'z-image-turbo', 'weights.json'), listOf([file]));
  if (list === 'store') await scene.put('models/z-image-turbo/1/weights.json', listOf([file]));
  await scene.put('models/z-image-turbo/1/weights/model.safetensors', body);
  const weightsDir = join(scene.home, 'weights');
  const { log, lines } = keptLog();
  const open = (store: WeightStore = scene.store) =>
    createModelFolders({ clock: systemClock, chance: () => 0, store, log, modelsDir, weightsDir });
  const manifest = (await readCatalog(modelsDir)).get('z-image-turbo')?.manifest;
  if (manifest === undefined) throw new Error('there is no such manifest');
  return { ...scene, modelsDir, weightsDir, own: join(weightsDir, 'z-image-turbo'), open, manifest, lines };
}

const revision2 = (manifest: Manifest): Manifest => ({ ...manifest, revision: '2' });

describe('the folder of a model whose weights lie in the store', () => {
  it.each(['store', 'image'] as const)(
    'has manifest, small files and weights by the list of the %s',
    async (list) => {
      const scene = await openScene({ list });

      await scene.open().ensure(scene.manifest, never);

      expect(await readFile(join(scene.own, 'weights', 'model.safetensors'))).toEqual(Buffer.from(body));
      expect(await readFile(join(scene.own, 'NOTICE.md'), 'utf8')).toBe('notice');
      expect(JSON.parse(await readFile(join(scene.own, 'manifest.json'), 'utf8'))).toMatchObject({
        id: 'z-image-turbo',
      });
      expect(scene.lines.map(({ event }) => event)).toEqual(['weights.ready']);
    },
  );

  it('holds to the list of the image where the store has another', async () => {
    const scene = await openScene({ list: 'image' });
    await scene.put('models/z-image-turbo/1/weights/model.safetensors', body.toReversed());
    await scene.put('models/z-image-turbo/1/weights.json', listOf([entryOf(file.path, body.toReversed())]));

    await expect(scene.open().ensure(scene.manifest, never)).rejects.toMatchObject({
      code: 'weights_corrupt',
    });
    expect(existsSync(join(scene.own, 'manifest.json'))).toBe(false);
  });

  it('is fetched once for all who ask for it at a time', async () => {
    const scene = await openScene();
    const { store, reads } = watched(scene.store);
    const folders = scene.open(store);

    await Promise.all([folders.ensure(scene.manifest, never), folders.ensure(scene.manifest, never)]);

    expect(reads.filter(({ path }) => path === file.path)).toHaveLength(1);
  });

  it('is for no runner while it holds another revision: what is not on its list goes first', async () => {
    const scene = await openScene();
    await scene.open().ensure(scene.manifest, never);
    const next = entryOf('weights/other.safetensors', body);
    await scene.put('models/z-image-turbo/2/weights.json', listOf([next]));
    await writeFile(
      join(scene.modelsDir, 'z-image-turbo', 'manifest.json'),
      JSON.stringify(revision2(scene.manifest)),
    );

    await expect(scene.open().ensure(revision2(scene.manifest), never)).rejects.toMatchObject({
      code: 'weights_missing',
    });
    expect(existsSync(join(scene.own, 'manifest.json'))).toBe(false);
    await scene.put('models/z-image-turbo/2/weights/other.safetensors', body);
    await scene.open().ensure(revision2(scene.manifest), never);

    expect(await readdir(join(scene.own, 'weights'))).toEqual(['other.safetensors']);
    expect(JSON.parse(await readFile(join(scene.own, 'manifest.json'), 'utf8'))).toMatchObject({
      revision: '2',
    });
  });

  it('says where a list was looked for when there is none', async () => {
    const scene = await openScene({ list: 'none' });

    await expect(scene.open().ensure(scene.manifest, never)).rejects.toMatchObject({
      code: 'weights_missing',
      message: expect.stringContaining('models/z-image-turbo/1/weights.json of the bucket'),
    });
  });

  it.each([
    ['is no JSON', '{', 'is not JSON'],
    ['leads out of the folder', '{"files":{"../a":{"sha256":"0","bytes":1}}}', 'files'],
    [
      'names the manifest',
      `{"files":{"manifest.json":{"sha256":"${'0'.repeat(64)}","bytes":1}}}`,
      'manifest.json',
    ],
    ['names nothing', '{"files":{}}', 'names no file'],
  ])('takes no list that %s', async (_, list, told) => {
    const scene = await openScene({ list: 'none' });
    await scene.put('models/z-image-turbo/1/weights.json', list);

    await expect(scene.open().ensure(scene.manifest, never)).rejects.toMatchObject({
      code: 'weights_corrupt',
      message: expect.stringContaining(told),
    });
  });
});

describe('the folder of a model that the image brings whole', () => {
  it.each(['pilotlight-shapes', 'fake'])('is linked, and nothing is fetched: %s', async (id) => {
    const scene = await openScene();
    await cp(join(shipped, id), join(scene.modelsDir, id), { recursive: true });
    const manifest = (await readCatalog(scene.modelsDir)).get(id)?.manifest;
    const { store, reads } = watched(scene.store);

    const pulled = await scene.open(store).ensure(manifest ?? scene.manifest, never);
    await scene.open(store).ensure(manifest ?? scene.manifest, never);

    expect(pulled).toEqual({ bytes: 0, files: 0 });
    expect(await readlink(join(scene.weightsDir, id))).toBe(join(scene.modelsDir, id));
    expect(reads).toEqual([]);
  });

  it('gives way to one whose weights are fetched, and takes its place again', async () => {
    const scene = await openScene();
    await mkdir(join(scene.modelsDir, 'z-image-turbo', 'weights'));
    await scene.open().ensure(scene.manifest, never);
    expect(await readlink(scene.own)).toBe(join(scene.modelsDir, 'z-image-turbo'));

    await rm(join(scene.modelsDir, 'z-image-turbo', 'weights'), { recursive: true });
    await scene.open().ensure(scene.manifest, never);
    expect(existsSync(join(scene.own, 'weights', 'model.safetensors'))).toBe(true);

    await mkdir(join(scene.modelsDir, 'z-image-turbo', 'weights'));
    await scene.open().ensure(scene.manifest, never);
    expect(await readlink(scene.own)).toBe(join(scene.modelsDir, 'z-image-turbo'));
  });
});

describe('a runner with weights from the store', () => {
  /** Loads what has a manifest in its folder, as the runners do. */
  function runnerOn(folder: string): Runner & { loads: number } {
    return {
      loads: 0,
      async load() {
        this.loads += 1;
        return existsSync(join(folder, 'manifest.json'))
          ? { kind: 'loaded', loadMs: 1 }
          : { kind: 'failed', code: 'no_such_model' };
      },
      run: () => Promise.reject(new Error('not asked for')),
      cancel: () => undefined,
      resident: () => new Set(),
    };
  }

  async function open(store?: (scene: WeightStore) => WeightStore) {
    const scene = await openScene();
    const runner = runnerOn(scene.own);
    const { log, lines } = keptLog();
    const folders = scene.open(store?.(scene.store));
    const catalog = createCatalog([scene.manifest]);
    return {
      ...scene,
      runner,
      lines,
      withThem: withWeights({ catalog, folders, log, runner, signal: never }),
    };
  }

  it('loads a model once its weights are there', async () => {
    const { withThem } = await open();

    expect(await withThem.load('z-image-turbo', '1')).toEqual({ kind: 'loaded', loadMs: 1 });
  });

  it('fails for good where they are wrong, and asks no runner', async () => {
    const { withThem, runner, put } = await open();
    await put('models/z-image-turbo/1/weights/model.safetensors', body.toReversed());

    expect(await withThem.load('z-image-turbo', '1')).toEqual({ kind: 'failed', code: 'model_error' });
    expect(runner.loads).toBe(0);
  });

  it('leaves the job to another try where they cannot be fetched, and says why in the log', async () => {
    const { withThem, lines } = await open((store) => ({
      ...store,
      look: async () => {
        throw new Error('no route to host');
      },
    }));

    expect(await withThem.load('z-image-turbo', '1')).toEqual({ kind: 'failed', code: 'worker_lost' });
    expect(lines).toContainEqual({
      event: 'weights.failed',
      fields: { model: 'z-image-turbo', reason: expect.stringContaining('no route to host') },
    });
  });
});
