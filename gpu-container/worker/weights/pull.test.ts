/** Weights from the embedded store to a disk. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import { weightLimits } from '#core/limits.ts';
import type { WeightFile, WeightStore } from '#core/models/weight-list.ts';
import { partialNames } from './partial-file.ts';
import type { PullAsk, PullProgress } from './pull.ts';
import { pullWeights } from './pull.ts';
import { entryOf, openWeightsScene, sampleBytes, watched } from './weights-scene.ts';

const partBytes = 64 * 1024;
const large = sampleBytes(10 * partBytes + 17, 1);
const small = sampleBytes(1000, 2);
const files: readonly WeightFile[] = [
  entryOf('weights/transformer/model.safetensors', large),
  entryOf('weights/model_index.json', small),
];

/** Waits of retries take no time. */
const clock = { ...systemClock, sleep: async () => undefined };

async function openScene(stored: Readonly<Record<string, Uint8Array>> = {}) {
  const scene = await openWeightsScene();
  const bodies = { [files[0]?.path ?? '']: large, [files[1]?.path ?? '']: small, ...stored };
  for (const [path, body] of Object.entries(bodies)) await scene.put(`models/tiny/1/${path}`, body);
  await mkdir(scene.folder, { recursive: true });
  const pull = (store: WeightStore, more: Partial<PullAsk> & { freeBytes?: () => Promise<number> } = {}) =>
    pullWeights(
      {
        clock,
        store,
        chance: () => 0,
        ...(more.freeBytes === undefined ? {} : { freeBytes: more.freeBytes }),
      },
      {
        model: 'tiny',
        revision: '1',
        files,
        folder: scene.folder,
        signal: new AbortController().signal,
        partBytes,
        ...more,
      },
    );
  const body = (file: number) => readFile(join(scene.folder, files[file]?.path ?? ''));
  return { ...scene, pull, body };
}

describe('weights in the store', () => {
  it('come to lie in the folder, byte for byte, fetched in parts that fit together', async () => {
    const scene = await openScene();
    const { store, reads } = watched(scene.store);

    const pulled = await scene.pull(store);

    expect(pulled).toEqual({ bytes: large.byteLength + small.byteLength, files: 2 });
    expect(Buffer.compare(await scene.body(0), large)).toBe(0);
    expect(Buffer.compare(await scene.body(1), small)).toBe(0);
    expect(reads).toHaveLength(12);
    expect(await readdir(join(scene.folder, 'weights', 'transformer'))).toEqual(['model.safetensors']);
  });

  it('may be written by nobody once they have their names, and are replaced all the same', async () => {
    const scene = await openScene();
    await scene.pull(scene.store);
    const modes = await Promise.all(files.map(({ path }) => stat(join(scene.folder, path))));
    const other = sampleBytes(large.byteLength, 3);
    await scene.put('models/tiny/2/weights/transformer/model.safetensors', other);

    await scene.pull(scene.store, {
      revision: '2',
      files: [entryOf('weights/transformer/model.safetensors', other)],
    });

    expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o444, 0o444]);
    expect(Buffer.compare(await scene.body(0), other)).toBe(0);
  });

  it('are fetched once: what is there and right stays as it is', async () => {
    const scene = await openScene();
    await scene.pull(scene.store);
    const { store, reads } = watched(scene.store);

    const pulled = await scene.pull(store);

    expect(pulled).toEqual({ bytes: 0, files: 0 });
    expect(reads).toEqual([]);
  });

  it('that were put there by other means are hashed, and fetched only where they differ', async () => {
    const scene = await openScene();
    await mkdir(join(scene.folder, 'weights', 'transformer'), { recursive: true });
    await writeFile(join(scene.folder, files[0]?.path ?? ''), large);
    await writeFile(join(scene.folder, files[1]?.path ?? ''), small.toReversed());
    const { store, reads } = watched(scene.store);

    await scene.pull(store);

    expect(reads.map(({ path }) => path)).toEqual(['weights/model_index.json']);
    expect(Buffer.compare(await scene.body(1), small)).toBe(0);
  });

  it('of another revision replace those that are there, even where the length is the same', async () => {
    const scene = await openScene();
    await scene.pull(scene.store);
    const next = sampleBytes(small.byteLength, 9);
    await scene.put('models/tiny/2/weights/model_index.json', next);

    await scene.pull(scene.store, { revision: '2', files: [entryOf('weights/model_index.json', next)] });

    expect(Buffer.compare(await scene.body(1), next)).toBe(0);
  });

  it('are told as they come, to the last byte', async () => {
    const scene = await openScene();
    const told: PullProgress[] = [];

    await scene.pull(scene.store, { onProgress: (progress) => told.push(progress) });

    const totalBytes = large.byteLength + small.byteLength;
    expect(told.at(-1)).toEqual({ doneBytes: totalBytes, totalBytes });
    expect(told.map(({ doneBytes }) => doneBytes)).toEqual(
      told.map(({ doneBytes }) => doneBytes).toSorted((left, right) => left - right),
    );
  });

  it('hold no more memory than the parts that may be under way', async () => {
    const scene = await openScene();
    const many = sampleBytes(100 * 4096, 3);
    await scene.put('models/tiny/1/weights/many', many);
    const { store, openBytesMax } = watched(scene.store);

    await scene.pull(store, { files: [entryOf('weights/many', many)], partBytes: 4096 });

    expect(openBytesMax()).toBe(weightLimits.partsInFlight * 4096);
  });
});

describe('a pull that broke off', () => {
  /** Lets so many parts through, then ends. */
  async function breakOff(scene: Awaited<ReturnType<typeof openScene>>, parts: number) {
    const ended = new AbortController();
    const { store } = watched(scene.store, (_, count) => {
      if (count > parts) ended.abort(new Error('the machine went away'));
    });
    await expect(scene.pull(store, { files: files.slice(0, 1), signal: ended.signal })).rejects.toThrow(
      'the machine went away',
    );
  }

  it('leaves no file under its own name', async () => {
    const scene = await openScene();

    await breakOff(scene, 5);

    expect(existsSync(join(scene.folder, files[0]?.path ?? ''))).toBe(false);
  });

  it('goes on with the parts that are missing', async () => {
    const scene = await openScene();
    const ended = new AbortController();
    const first = watched(scene.store, async ({ from }, _, signal) => {
      if (from >= 6 * partBytes) await once(signal, 'abort');
    });
    const onProgress = ({ doneBytes }: PullProgress) => {
      if (doneBytes === 6 * partBytes) ended.abort(new Error('the machine went away'));
    };
    const broken = scene.pull(first.store, { files: files.slice(0, 1), signal: ended.signal, onProgress });
    await expect(broken).rejects.toThrow('the machine went away');
    const { store, reads } = watched(scene.store);

    const pulled = await scene.pull(store, { files: files.slice(0, 1) });

    expect(pulled.bytes).toBe(large.byteLength - 6 * partBytes);
    expect(reads.map(({ from }) => from)).toEqual([6, 7, 8, 9, 10].map((index) => index * partBytes));
    expect(Buffer.compare(await scene.body(0), large)).toBe(0);
  });

  it('begins anew when what it left was damaged since', async () => {
    const scene = await openScene();
    const path = join(scene.folder, files[0]?.path ?? '');
    await mkdir(join(path, '..'), { recursive: true });
    const { sha256 = '', bytes = 0 } = files[0] ?? {};
    const names = partialNames(path, sha256);
    await writeFile(names.bytes, new Uint8Array(bytes));
    await writeFile(names.journal, JSON.stringify({ sha256, bytes, partBytes, done: [0, 1, 2] }));

    await scene.pull(scene.store);

    expect(Buffer.compare(await scene.body(0), large)).toBe(0);
  });

  it('takes nothing of another file that had this name', async () => {
    const scene = await openScene();
    const path = join(scene.folder, files[0]?.path ?? '');
    await mkdir(join(path, '..'), { recursive: true });
    const names = partialNames(path, files[0]?.sha256 ?? '');
    await writeFile(names.bytes, new Uint8Array(large.byteLength));
    await writeFile(
      names.journal,
      JSON.stringify({ sha256: '0'.repeat(64), bytes: large.byteLength, partBytes, done: [0] }),
    );
    const { store, reads } = watched(scene.store);

    await scene.pull(store);

    expect(reads).toHaveLength(12);
  });
});

describe('a bit that flips on the way', () => {
  it('is noticed, and the file fetched once more', async () => {
    const scene = await openScene();
    let isFlipped = false;
    const store: WeightStore = {
      ...scene.store,
      async read(...ask) {
        const body = await scene.store.read(...ask);
        if (!isFlipped) body[0] = (body[0] ?? 0) ^ 1;
        isFlipped = true;
        return body;
      },
    };

    const pulled = await scene.pull(store, { files: files.slice(0, 1) });

    expect(pulled.bytes).toBe(2 * large.byteLength);
    expect(Buffer.compare(await scene.body(0), large)).toBe(0);
  });
});

describe('two pulls of the same files at a time', () => {
  it('both end with the files whole', async () => {
    const scene = await openScene();

    const [one, other] = await Promise.all([scene.pull(scene.store), scene.pull(scene.store)]);

    expect([one?.files, other?.files]).toEqual([2, 2]);
    expect(Buffer.compare(await scene.body(0), large)).toBe(0);
  });
});

describe('a pull that cannot succeed', () => {
  it('names every file that the store lacks, before it fetches anything', async () => {
    const scene = await openScene();
    const { store, reads } = watched(scene.store);
    const absent = [entryOf('weights/a', small), entryOf('weights/b', small)];

    await expect(scene.pull(store, { files: [...files, ...absent] })).rejects.toMatchObject({
      code: 'weights_missing',
      message: expect.stringMatching(/weights\/a, weights\/b/),
    });
    expect(reads).toEqual([]);
  });

  it('names files of another length, before it fetches anything', async () => {
    const scene = await openScene({ 'weights/model_index.json': small.subarray(1) });
    const { store, reads } = watched(scene.store);

    await expect(scene.pull(store)).rejects.toMatchObject({
      code: 'weights_corrupt',
      message: expect.stringContaining('weights/model_index.json'),
    });
    expect(reads).toEqual([]);
  });

  it('names a file of another SHA-256, and leaves nothing of it', async () => {
    const scene = await openScene({ 'weights/model_index.json': small.toReversed() });

    await expect(scene.pull(scene.store)).rejects.toMatchObject({
      code: 'weights_corrupt',
      message: expect.stringContaining('weights/model_index.json has another SHA-256'),
    });
    expect(
      (await readdir(join(scene.folder, 'weights'))).filter((name) => name.startsWith('model_index')),
    ).toEqual([]);
  });

  it('says so when the store replaces a file meanwhile, whose parts would not fit together', async () => {
    const scene = await openScene();
    const { store } = watched(scene.store, async (_, count) => {
      if (count === 3) await scene.put(`models/tiny/1/${files[0]?.path}`, large.toReversed());
    });

    await expect(scene.pull(store, { files: files.slice(0, 1) })).rejects.toMatchObject({
      code: 'weights_corrupt',
    });
  });

  it('says how much room there is and how much is needed, before it fetches anything', async () => {
    const scene = await openScene();
    const { store, reads } = watched(scene.store);

    const pull = scene.pull(store, { freeBytes: async () => weightLimits.freeBytesMin + 100_000 });

    await expect(pull).rejects.toMatchObject({
      code: 'weights_no_room',
      message: expect.stringMatching(/ has 269 MB free; 1 MB are to come, and 269 MB stay free\.$/),
    });
    expect(reads).toEqual([]);
  });

  it('tries a part again that did not come, and gives up with the reason after six tries', async () => {
    const scene = await openScene();
    const flaky = watched(scene.store, ({ from }, count) => {
      if (from === partBytes && count < 8) throw new Error('socket hang up');
    });
    await scene.pull(flaky.store, { files: files.slice(0, 1) });
    const broken = watched(scene.store, ({ path }) => {
      if (path === 'weights/model_index.json') throw new Error('socket hang up');
    });

    await expect(scene.pull(broken.store)).rejects.toMatchObject({
      code: 'weights_unreachable',
      message: expect.stringContaining('weights/model_index.json: socket hang up (6 tries)'),
    });
    expect(Buffer.compare(await scene.body(0), large)).toBe(0);
    expect(broken.reads).toHaveLength(weightLimits.attemptsMax);
  });
});
