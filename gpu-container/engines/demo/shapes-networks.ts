/**
 * The demo model's networks on ONNX Runtime. Each run uses one thread, and a batch is cut into as many parts as
 * there are threads, run side by side: small convolutions lose more to two threads that wait for each other inside
 * every operator than they gain, and a lone picture leaves the other cores to the worker around it.
 */
import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { EncodedPrompts, ShapesNetworks } from './shapes-sampler.ts';
import { shapesPictureFloats, shapesSidePx } from './shapes-sampler.ts';
import { vocabulary } from './shapes-vocabulary.ts';
import { ModelFileError, readShapesWeights } from './shapes-weights.ts';

/** Node's pool for blocking work has four threads by default; more parts than that would only queue. */
const threadsMax = 4;

/** A lone picture's two rows, with and without its prompt, stay in one part. */
const partRowsMin = 2;

/** Side of the plan on which the slot encoder lays out the prompt. */
const planSide = 16;

export interface OpenNetworks extends ShapesNetworks {
  /** Enlarges pictures around -1..1 to bytes, three per pixel, rows from the top. */
  enlarge(x: Float32Array, size: 256 | 512): Promise<Uint8Array>;
  close(): Promise<void>;
}

/**
 * Checks all files and opens the two networks that every picture needs; those that enlarge open on first use.
 * Throws ModelFileError as `readShapesWeights` does.
 */
export async function openShapesNetworks(
  directory: string,
  threads: number = Math.min(threadsMax, availableParallelism()),
): Promise<OpenNetworks> {
  const weights = await readShapesWeights(directory);
  const opened = new Map<string, Promise<InferenceSession>>();
  const open = (file: string) => {
    const session = opened.get(file) ?? createSession(weights, file);
    opened.set(file, session);
    return session;
  };
  await Promise.all(['slot-encoder.onnx', 'denoiser.onnx'].map(open));

  return {
    encode: (slots) => encode(open, slots),
    denoise: (x, time, encoded, count) => denoise(open, x, time, encoded, count, threads),
    enlarge: (x, size) => enlarge(open, x, size, threads),
    async close() {
      const sessions = await Promise.all(opened.values());
      opened.clear();
      await Promise.all(sessions.map((session) => session.release()));
    },
  };
}

type Open = (file: string) => Promise<InferenceSession>;

async function encode(open: Open, rows: readonly (readonly number[])[]): Promise<EncodedPrompts> {
  const session = await open('slot-encoder.onnx');
  const tokens = BigInt64Array.from(rows.flat(), (token) => BigInt(token));
  const outputs = await session.run({
    slots: new Tensor('int64', tokens, [rows.length, vocabulary.slots.length]),
  });
  return { vectors: floatsOf(outputs.vectors), plan: floatsOf(outputs.plan) };
}

async function denoise(
  open: Open,
  x: Float32Array,
  time: number,
  { vectors, plan }: EncodedPrompts,
  count: number,
  threads: number,
): Promise<Float32Array> {
  const session = await open('denoiser.onnx');
  const width = vectors.length / (count * vocabulary.slots.length);
  const clean = new Float32Array(count * shapesPictureFloats);
  await runInParts(count, threads, async (start, end) => {
    const outputs = await session.run({
      x: floatRows(x, [3, shapesSidePx, shapesSidePx], start, end),
      t: new Tensor('float32', new Float32Array(end - start).fill(time), [end - start]),
      vectors: floatRows(vectors, [vocabulary.slots.length, width], start, end),
      plan: floatRows(plan, [width, planSide, planSide], start, end),
    });
    clean.set(floatsOf(outputs.clean), start * shapesPictureFloats);
  });
  return clean;
}

async function enlarge(open: Open, x: Float32Array, size: 256 | 512, threads: number): Promise<Uint8Array> {
  const session = await open(`upscaler-${size}.onnx`);
  const count = x.length / shapesPictureFloats;
  const bytes = new Uint8Array(count * size * size * 3);
  await runInParts(count, threads, async (start, end) => {
    const { rgb } = await session.run({ x: floatRows(x, [3, shapesSidePx, shapesSidePx], start, end) });
    if (!(rgb?.data instanceof Uint8Array)) throw new TypeError('The upscaler did not return bytes.');
    bytes.set(rgb.data, start * size * size * 3);
  });
  return bytes;
}

/** Runs `part` side by side over consecutive ranges of rows, at most one per thread. */
async function runInParts(
  count: number,
  threads: number,
  part: (start: number, end: number) => Promise<void>,
): Promise<void> {
  const parts = Math.max(1, Math.min(threads, Math.floor(count / partRowsMin)));
  const bounds = Array.from({ length: parts }, (_, index) => [
    Math.floor((count * index) / parts),
    Math.floor((count * (index + 1)) / parts),
  ]);
  await Promise.all(bounds.map(([start = 0, end = count]) => part(start, end)));
}

function floatRows(data: Float32Array, row: readonly number[], start: number, end: number): Tensor {
  const length = row.reduce((product, side) => product * side, 1);
  return new Tensor('float32', data.subarray(start * length, end * length), [end - start, ...row]);
}

function floatsOf(tensor: Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new TypeError('The model did not return fp32 values.');
  return tensor.data;
}

async function createSession(
  weights: ReadonlyMap<string, Uint8Array>,
  file: string,
): Promise<InferenceSession> {
  const bytes = weights.get(file);
  if (bytes === undefined) throw new ModelFileError(file, 'is not listed in weights.json');
  return InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 });
}
