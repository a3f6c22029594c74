/**
 * The demo model's networks, run in worker threads. A batch is cut into as many parts as there are workers, run side
 * by side; a lone picture keeps to one worker and leaves the other cores to the process around it.
 */
import { availableParallelism } from 'node:os';
import { readModelFiles, readWeightsList } from './model-files.ts';
import type { TensorData, WorkerTensor } from './network-worker-messages.ts';
import { startWorkerPool, type WorkerPool } from './network-worker-pool.ts';
import {
  type EncodedPrompts,
  type ShapesNetworks,
  shapesPictureFloats,
  shapesSidePx,
} from './shapes-sampler.ts';
import { vocabulary } from './shapes-vocabulary.ts';

/** A demo on a large machine should not hold it all; a batch of eight gains little from more. */
const workersMax = 4;

/** A lone picture's two rows, with and without its prompt, stay in one part. */
const partRowsMin = 2;

/** Side of the plan on which the slot encoder lays out the prompt. */
const planSide = 16;

const pictureDims = [3, shapesSidePx, shapesSidePx];

/** A batch of eight changes its adapters seldom; each set costs every worker a session of 30 MB. */
const variantsMax = 3;

const denoiserFile = 'denoiser.onnx';

export interface OpenNetworks extends ShapesNetworks {
  /**
   * These networks with another denoiser, made of the own one when it is not open yet; the one used longest ago makes
   * way. Calls must wait for each other, and for the runs between them. Rejects as `make` throws.
   */
  withDenoiser(name: string, make: (denoiser: Uint8Array) => Uint8Array): Promise<ShapesNetworks>;
  /** Enlarges pictures around -1..1 to bytes, three per pixel, rows from the top. */
  enlarge(x: Float32Array, size: 256 | 512): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Checks all files and opens the two networks that every picture needs; those that enlarge open on first use.
 * Throws ModelFileError as `readModelFiles` does.
 */
export async function openShapesNetworks(directory: string): Promise<OpenNetworks> {
  const weights = await readModelFiles(directory, await readWeightsList(directory));
  const pool = startWorkerPool(weights, Math.min(workersMax, availableParallelism()));
  try {
    await Promise.all(['slot-encoder.onnx', denoiserFile].map((file) => pool.open(file)));
  } catch (err) {
    await pool.close();
    throw err;
  }
  return {
    ...networksOf(pool, denoiserFile),
    withDenoiser: variantsOf(pool, weights),
    enlarge: (x, size) => enlarge(pool, x, size),
    close: () => pool.close(),
  };
}

function networksOf(pool: WorkerPool, file: string): ShapesNetworks {
  return {
    encode: (slots) => encode(pool, slots),
    denoise: (x, time, encoded, count) => denoise({ pool, file }, x, time, encoded, count),
  };
}

function variantsOf(
  pool: WorkerPool,
  weights: ReadonlyMap<string, Uint8Array>,
): OpenNetworks['withDenoiser'] {
  /** Files of the open ones, least recently used first. */
  const open = new Set<string>();
  return async (name, make) => {
    const file = `${denoiserFile} ${name}`;
    if (!open.delete(file)) {
      const denoiser = weights.get(denoiserFile);
      if (denoiser === undefined) throw new Error('weights.json lists no denoiser.');
      const network = make(denoiser);
      const [oldest] = open;
      if (open.size >= variantsMax && oldest !== undefined) {
        open.delete(oldest);
        await pool.drop(oldest);
      }
      await pool.add(file, network);
    }
    open.add(file);
    return networksOf(pool, file);
  };
}

async function encode(pool: WorkerPool, rows: readonly (readonly number[])[]): Promise<EncodedPrompts> {
  const data = BigInt64Array.from(rows.flat(), (token) => BigInt(token));
  const slots = { data, dims: [rows.length, vocabulary.slots.length] };
  const { vectors, plan } = await pool.run('slot-encoder.onnx', { slots });
  return { vectors: floats(vectors), plan: floats(plan) };
}

async function denoise(
  { pool, file }: { readonly pool: WorkerPool; readonly file: string },
  x: Float32Array,
  time: number,
  { vectors, plan }: EncodedPrompts,
  count: number,
): Promise<Float32Array> {
  const width = vectors.length / (count * vocabulary.slots.length);
  const result = new Float32Array(count * shapesPictureFloats);
  await runInParts(pool, count, async (start, end) => {
    const { clean } = await pool.run(file, {
      x: floatRows(x, pictureDims, start, end),
      t: { data: new Float32Array(end - start).fill(time), dims: [end - start] },
      vectors: floatRows(vectors, [vocabulary.slots.length, width], start, end),
      plan: floatRows(plan, [width, planSide, planSide], start, end),
    });
    result.set(floats(clean), start * shapesPictureFloats);
  });
  return result;
}

async function enlarge(pool: WorkerPool, x: Float32Array, size: 256 | 512): Promise<Uint8Array> {
  const count = x.length / shapesPictureFloats;
  const bytes = new Uint8Array(count * size * size * 3);
  await runInParts(pool, count, async (start, end) => {
    const { rgb } = await pool.run(`upscaler-${size}.onnx`, { x: floatRows(x, pictureDims, start, end) });
    if (!(rgb instanceof Uint8Array)) throw new TypeError('The upscaler did not return bytes.');
    bytes.set(rgb, start * size * size * 3);
  });
  return bytes;
}

/** Runs `part` side by side over consecutive ranges of rows, at most one per worker. */
async function runInParts(
  pool: WorkerPool,
  count: number,
  part: (start: number, end: number) => Promise<void>,
): Promise<void> {
  const parts = Math.max(1, Math.min(pool.size, Math.floor(count / partRowsMin)));
  const bound = (index: number) => Math.floor((count * index) / parts);
  await Promise.all(Array.from({ length: parts }, (_, index) => part(bound(index), bound(index + 1))));
}

/** Copies rows out, because a view would send its whole buffer to the worker. */
function floatRows(data: Float32Array, row: readonly number[], start: number, end: number): WorkerTensor {
  const length = row.reduce((product, side) => product * side, 1);
  return { data: data.slice(start * length, end * length), dims: [end - start, ...row] };
}

function floats(data: TensorData | undefined): Float32Array {
  if (!(data instanceof Float32Array)) throw new TypeError('The model did not return fp32 values.');
  return data;
}
