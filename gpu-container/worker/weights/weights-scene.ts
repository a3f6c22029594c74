/** Weights in the embedded store, for tests: a bucket that is filled by hand, and a folder to bring them to. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { onTestFinished } from 'vitest';
import { createBlobClient } from '#aws/clients.ts';
import { createS3Weights } from '#aws/s3-weights.ts';
import type { StoredRef, WeightFile, WeightStore } from '#core/models/weight-list.ts';
import type { Log, LogFields } from '#core/ports/process.ts';
import { startEmulators } from '#local/emulators.ts';

export async function openWeightsScene() {
  const home = await mkdtemp(join(tmpdir(), 'pilotlight-weights-'));
  const emulators = await startEmulators({ dataDir: join(home, 'data'), pools: ['fake', 'demo'] });
  const blobs = createBlobClient(emulators.config);
  onTestFinished(async () => {
    blobs.destroy();
    await emulators.close();
    await rm(home, { recursive: true, force: true });
  });
  return {
    home,
    folder: join(home, 'weights', 'tiny'),
    config: emulators.config,
    store: createS3Weights({ blobs, bucket: emulators.config.bucket }),
    async put(key: string, body: Uint8Array | string): Promise<void> {
      await blobs.send(new PutObjectCommand({ Bucket: emulators.config.bucket, Key: key, Body: body }));
    },
  };
}

/** Bytes that differ from place to place, so that a part that lands elsewhere is noticed. */
export function sampleBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index += 1) {
    // Numerical Recipes' linear congruential generator.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export function entryOf(path: string, body: Uint8Array): WeightFile {
  return { path, bytes: body.byteLength, sha256: createHash('sha256').update(body).digest('hex') };
}

/** `weights.json` of these files. */
export function listOf(files: readonly WeightFile[]): string {
  return JSON.stringify({
    files: Object.fromEntries(files.map(({ path, sha256, bytes }) => [path, { sha256, bytes }])),
  });
}

export interface Read extends StoredRef {
  readonly from: number;
  readonly to: number;
}

/** A store that notes what is read of it, and does as it is told before. */
export function watched(
  store: WeightStore,
  before: (read: Read, count: number, signal: AbortSignal) => Promise<void> | void = () => undefined,
) {
  const reads: Read[] = [];
  let openBytes = 0;
  let openBytesMax = 0;
  return {
    reads,
    openBytesMax: () => openBytesMax,
    store: {
      look: (ref) => store.look(ref),
      async read(ref, version, from, to, signal) {
        reads.push({ ...ref, from, to });
        openBytes += to - from;
        openBytesMax = Math.max(openBytesMax, openBytes);
        try {
          await before({ ...ref, from, to }, reads.length, signal);
          return await store.read(ref, version, from, to, signal);
        } finally {
          openBytes -= to - from;
        }
      },
    } satisfies WeightStore,
  };
}

/** A log that keeps its lines. */
export function keptLog(): { log: Log; lines: { event: string; fields: LogFields }[] } {
  const lines: { event: string; fields: LogFields }[] = [];
  const keep = (event: string, fields: LogFields = {}) => void lines.push({ event, fields });
  return { log: { info: keep, warn: keep, error: keep }, lines };
}
