/**
 * `AdapterCache` on the worker's disk: a folder of files by their hash, each brought once and put out when it was used
 * longest ago and others need its room. A file has its name only once it was read to the end and its hash was right, so
 * a crash or a full disk leaves parts that nothing names. The folder is this process's own and goes with it.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { JobAdapter } from '#core/adapter/job-adapters.ts';
import { adapterLimits } from '#core/limits.ts';
import type { AdapterCache, AdapterFiles, TakenAdapter } from '#core/ports/adapters.ts';

export interface AdapterCacheOptions {
  readonly files: Pick<AdapterFiles, 'read'>;
  /** @default the system's temporary folder */
  readonly root?: string;
  /** @default adapterLimits.cacheBytesMax */
  readonly bytesMax?: number;
  /** @default adapterLimits.downloadMs */
  readonly downloadMs?: number;
}

export interface DiskAdapterCache extends AdapterCache {
  /** Takes the folder away. */
  close(): Promise<void>;
}

interface Entry {
  readonly bytes: number;
  /** How many batches use it or wait for it. */
  users: number;
  /** The path; null when the store has no such file. */
  readonly path: Promise<string | null>;
}

export async function openAdapterCache(options: AdapterCacheOptions): Promise<DiskAdapterCache> {
  const folder = await mkdtemp(join(options.root ?? tmpdir(), 'pilotlight-adapters-'));
  /** Least recently used first. */
  const entries = new Map<string, Entry>();

  async function makeRoom(bytes: number): Promise<void> {
    const bytesMax = options.bytesMax ?? adapterLimits.cacheBytesMax;
    let taken = [...entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    for (const [sha256, entry] of entries) {
      if (taken + bytes <= bytesMax) return;
      if (entry.users > 0) continue;
      entries.delete(sha256);
      taken -= entry.bytes;
      await rm(pathOf(folder, sha256), { force: true });
    }
    if (taken + bytes > bytesMax) throw new Error('the adapters in use leave no room for another');
  }

  /** A file that is on its way, or here, is nobody's second download. */
  async function entryOf(tenantId: string, adapter: JobAdapter): Promise<Entry> {
    const { sha256, bytes } = adapter;
    const found = entries.get(sha256);
    if (found !== undefined) {
      entries.delete(sha256);
      entries.set(sha256, found);
      found.users += 1;
      return found;
    }
    const room = makeRoom(bytes);
    const path = room.then(() => download(options, folder, tenantId, adapter));
    const entry: Entry = { bytes, users: 1, path };
    entries.set(sha256, entry);
    return entry;
  }

  return {
    async take(tenantId, adapter): Promise<TakenAdapter> {
      const entry = await entryOf(tenantId, adapter);
      const forget = () => {
        entry.users -= 1;
        if (entries.get(adapter.sha256) === entry) entries.delete(adapter.sha256);
      };
      const path = await entry.path.catch((error: unknown) => {
        forget();
        throw error;
      });
      if (path === null) {
        forget();
        return { kind: 'missing' };
      }
      let isHeld = true;
      return {
        kind: 'taken',
        path,
        release() {
          if (isHeld) entry.users -= 1;
          isHeld = false;
        },
      };
    },

    close: () => rm(folder, { recursive: true, force: true }),
  };
}

class WrongBytes extends Error {}

let parts = 0;

async function download(
  { files, downloadMs = adapterLimits.downloadMs }: AdapterCacheOptions,
  folder: string,
  tenantId: string,
  { id, sha256, bytes }: JobAdapter,
): Promise<string | null> {
  const signal = AbortSignal.timeout(downloadMs);
  const pieces = await files.read(tenantId, id, signal);
  if (pieces === null) return null;
  parts += 1;
  const part = join(folder, `${sha256}.part-${parts}`);
  try {
    // The runner only reads it.
    const file = createWriteStream(part, { flags: 'wx', mode: 0o400 });
    await pipeline(pieces, (source: AsyncIterable<Uint8Array>) => held(source, { bytes, sha256 }), file, {
      signal,
    });
    const path = pathOf(folder, sha256);
    await rename(part, path);
    return path;
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof WrongBytes) return null;
    throw error;
  }
}

/** The pieces, as long as they may become the file that was said; throws before the end of any other. */
async function* held(
  pieces: AsyncIterable<Uint8Array>,
  expected: { readonly bytes: number; readonly sha256: string },
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.byteLength;
    if (bytes > expected.bytes) throw new WrongBytes('it is too long');
    hash.update(piece);
    yield piece;
  }
  if (bytes !== expected.bytes || hash.digest('hex') !== expected.sha256) throw new WrongBytes('it differs');
}

function pathOf(folder: string, sha256: string): string {
  return join(folder, `${sha256}.safetensors`);
}
