import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JobAdapter } from '#core/adapter/job-adapters.ts';
import type { AdapterFiles } from '#core/ports/adapters.ts';
import type { AdapterCacheOptions } from './adapter-cache.ts';
import { openAdapterCache } from './adapter-cache.ts';

/** A cache over a store that counts what is read of it. */
async function openScene(change: Partial<AdapterCacheOptions> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'pilotlight-test-'));
  const stored = new Map<string, Uint8Array>();
  const reads: string[] = [];
  const files: Pick<AdapterFiles, 'read'> = {
    async read(tenantId, adapterId) {
      reads.push(`${tenantId}/${adapterId}`);
      const body = stored.get(adapterId);
      return body === undefined ? null : piecesOf(body);
    },
  };
  const cache = await openAdapterCache({ files, root, ...change });
  onTestFinished(async () => {
    await cache.close();
    await rm(root, { recursive: true, force: true });
  });
  return {
    cache,
    reads,
    /** Every file of the folder, by what it begins with and how it ends. */
    async names(): Promise<string[]> {
      const [folder = ''] = await readdir(root);
      return (await readdir(join(root, folder)))
        .map((name) => name.replace(/^(.{4}).*?(\..*)$/, '$1$2'))
        .toSorted();
    },
    /** Puts a file into the store, other bytes than its adapter says where asked. */
    store(id: string, text: string, body = text): JobAdapter {
      stored.set(id, Buffer.from(body));
      return { id, sha256: sha256Of(text), bytes: Buffer.byteLength(text), weight: 1 };
    },
    folders: () => readdir(root),
  };
}

describe('taking an adapter', () => {
  it('brings its file once, whoever asks and however often, also at the same time', async () => {
    const { cache, reads, store } = await openScene();
    const adapter = store('adapter-a', 'weights '.repeat(100));

    const both = await Promise.all([cache.take('tenant-a', adapter), cache.take('tenant-a', adapter)]);
    const later = await cache.take('tenant-b', { ...adapter, id: 'adapter-of-b' });

    expect(reads).toEqual(['tenant-a/adapter-a']);
    for (const taken of [...both, later]) {
      if (taken.kind === 'missing') throw new Error('it is there');
      expect(sha256Of(await readFile(taken.path))).toBe(adapter.sha256);
    }
  });

  it.each([
    ['longer', 'weights!'],
    ['shorter', 'weight'],
    ['other', 'wEights'],
  ])('answers for a file of %s bytes as for none, and leaves nothing of it', async (_, body) => {
    const { cache, names, store } = await openScene();

    const taken = await cache.take('tenant-a', store('adapter-a', 'weights', body));

    expect(taken).toEqual({ kind: 'missing' });
    expect(await names()).toEqual([]);
  });

  it('asks again for one that was missing', async () => {
    const { cache, store } = await openScene();
    const adapter = store('adapter-a', 'weights', '');

    expect(await cache.take('tenant-a', adapter)).toMatchObject({ kind: 'missing' });
    store('adapter-a', 'weights');

    expect(await cache.take('tenant-a', adapter)).toMatchObject({ kind: 'taken' });
  });

  it('rejects when the store breaks off or falls silent, and leaves nothing of it', async () => {
    async function* breaking(): AsyncIterable<Uint8Array> {
      yield Buffer.from('we');
      throw new Error('connection reset');
    }
    const silent = () => {
      const stream = new Readable({ read: () => undefined });
      stream.push('we');
      return stream;
    };
    for (const [pieces, reason] of [
      [breaking, 'connection reset'],
      [silent, 'abort'],
    ] as const) {
      const files = { read: () => Promise.resolve(pieces()) };
      const { cache, names, store } = await openScene({ files, downloadMs: 50 });

      await expect(cache.take('tenant-a', store('adapter-a', 'weights'))).rejects.toThrow(reason);

      expect(await names()).toEqual([]);
    }
  });
});

describe('the room for adapters', () => {
  it('is made by those used longest ago, never by one in use', async () => {
    const { cache, names, reads, store } = await openScene({ bytesMax: 20 });
    const [a, b, c] = ['aaaaaaaaa', 'bbbbbbbbb', 'ccccccccc'].map((text) => store(text, text));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were stored');
    const first = await cache.take('tenant-a', a);
    const second = await cache.take('tenant-a', b);

    await expect(cache.take('tenant-a', c)).rejects.toThrow('no room');
    if (first.kind === 'taken') first.release();
    if (second.kind === 'taken') second.release();
    await cache.take('tenant-a', a);
    await cache.take('tenant-a', c);

    const names4 = [a, c].map(({ sha256 }) => `${sha256.slice(0, 4)}.safetensors`);
    expect(await names()).toEqual(names4.toSorted());
    expect(reads).toHaveLength(3);
  });

  it('goes with the process', async () => {
    const { cache, folders, store } = await openScene();
    await cache.take('tenant-a', store('adapter-a', 'weights'));

    await cache.close();

    expect(await folders()).toEqual([]);
  });
});

async function* piecesOf(body: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += 3) yield body.subarray(at, at + 3);
}

function sha256Of(body: Uint8Array | string): string {
  return createHash('sha256').update(body).digest('hex');
}
