/**
 * What the demo model takes of memory, against its manifest: the resident set of a runner process before and after the
 * load, and the most during a batch. Each row is a process of its own, so that what an earlier batch left in the
 * allocator is not counted to a later one.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createJsonLog } from '#aws/json-log.ts';
import { readCatalog } from '#aws/manifest-files.ts';
import { systemClock } from '#aws/system-clock.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { predictedPeakMb } from '#core/models/memory.ts';
import { createLocalHost } from '#gpu/runner-host/local-host.ts';
import { residentMb } from '#gpu/runner-host/process-memory.ts';
import { RunnerClient } from '#gpu/worker/runner-client.ts';
import type { Bench } from './bench.ts';

const modelsDir = join(import.meta.dirname, '..', 'gpu-container', 'models');
const model = 'pilotlight-shapes';
const batches = [
  [64, 1],
  [64, 8],
  [256, 1],
  [256, 8],
  [512, 1],
  [512, 4],
  [512, 8],
] as const;
const sampleMs = 5;

/** A batch may pass its prediction by no more than the reserve of a card. */
const overShareMax = 0.1;

export const memoryBench: Bench = async () => {
  const { manifest } = (await readCatalog(modelsDir)).get(model) ?? {};
  if (manifest === undefined) throw new Error(`there is no model ${model}`);
  const rows = [];
  for (const [size, images] of batches) rows.push(await measure(manifest, size, images));
  return {
    rows,
    failures: rows
      .filter((row) => row['peak MB'] > row['predicted MB'] * (1 + overShareMax))
      .map((row) => `${row.images} of ${row.size} px took ${row['peak MB']} MB, not ${row['predicted MB']}`),
  };
};

async function measure(manifest: Manifest, size: number, images: number) {
  const log = createJsonLog(systemClock, {}, () => undefined);
  const client = new RunnerClient({
    host: createLocalHost({ device: 'cpu' }),
    engine: 'demo',
    modelsDir,
    clock: systemClock,
    log,
  });
  try {
    // A model that is not there starts the process and loads nothing.
    await client.load('no-such-model', '1');
    const before = await residentOf(client);
    await client.load(model, manifest.revision);
    const loaded = await residentOf(client);
    const peak = await peakOf(client, manifest, size, images);
    const { weights_mb: weights } = manifest.memory;
    return {
      size,
      images,
      'before load MB': before,
      'loaded MB': loaded,
      'peak MB': peak,
      'per image MB': Math.ceil((peak - loaded) / images),
      'predicted MB': weights + predictedPeakMb(manifest.memory, { images, pixels: size * size }),
    };
  } finally {
    await client.close();
  }
}

async function peakOf(client: RunnerClient, { id, revision }: Manifest, size: number, images: number) {
  const items = Array.from({ length: images }, (_, seed) => ({
    id: `item-${seed}`,
    params: { prompt: 'a red ring above a blue square', size, steps: 8, seed, n: 1 },
  }));
  const running = { isOver: false };
  const ended = client
    .run({ batchId: 'batch', model: id, revision, items }, { onProgress: () => undefined })
    .finally(() => {
      running.isOver = true;
    });
  let peak = 0;
  while (!running.isOver) {
    peak = Math.max(peak, await residentOf(client));
    await delay(sampleMs);
  }
  for (const [item, outcome] of await ended) {
    if (outcome.kind !== 'succeeded') throw new Error(`${item} ended as ${outcome.kind}`);
  }
  return peak;
}

async function residentOf(client: RunnerClient): Promise<number> {
  const pid = client.processId();
  return (pid === null ? null : await residentMb(pid)) ?? 0;
}
