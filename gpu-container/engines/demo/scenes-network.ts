/**
 * The chat model's two networks, run in worker threads: an eye that turns a picture into vectors, and a decoder that reads
 * tokens and hands on the keys and values of what it read. One chat is one call, so that no answer depends on its batch mates
 * to the last bit; chats of a batch run side by side, as many as there are threads.
 */
import { availableParallelism } from 'node:os';
import * as z from 'zod';
import { ModelFileError, readModelFiles, readWeightsList } from './model-files.ts';
import type { TensorData } from './network-worker-messages.ts';
import { startWorkerPool, type WorkerPool } from './network-worker-pool.ts';
import { eyeSidePx } from './scenes-prompt.ts';
import type { ScenesTokenizer } from './scenes-tokenizer.ts';
import { readTokenizer } from './scenes-tokenizer.ts';

/** A token takes a millisecond or two, so more threads gain little. */
const workersMax = 2;

const shapeSchema = z.object({
  contextTokens: z.int().positive(),
  pictureTokens: z.int().positive(),
  past: z.object({
    layers: z.int().positive(),
    heads: z.int().positive(),
    headWidth: z.int().positive(),
  }),
});

type Shape = z.infer<typeof shapeSchema>;

/** What a chat has read so far, as keys and values. */
export interface ScenesPast {
  readonly tokens: number;
  readonly data: Float32Array;
}

export const emptyPast: ScenesPast = { tokens: 0, data: new Float32Array() };

export interface ScenesNetwork {
  readonly tokenizer: ScenesTokenizer;
  /** Tokens of a chat and its answer together. */
  readonly contextTokens: number;
  /** Tokens that a picture takes. */
  readonly pictureTokens: number;
  /** Vectors of a picture, which the ids from the tokenizer's size on name; see `ScenesPrompt`. */
  see(picture: Float32Array): Promise<Float32Array>;
  /** Reads further ids; returns the scores of the token after the last one. `vectors` are those that these ids name. */
  read(
    past: ScenesPast,
    ids: readonly number[],
    vectors?: Float32Array,
  ): Promise<{ readonly scores: Float32Array; readonly past: ScenesPast }>;
  close(): Promise<void>;
}

/** Checks all files and opens both networks. Throws ModelFileError as `readModelFiles` does. */
export async function openScenesNetwork(directory: string): Promise<ScenesNetwork> {
  const list = await readWeightsList(directory);
  const shape = shapeSchema.safeParse(list);
  if (!shape.success)
    throw new ModelFileError('weights.json', 'does not say the shape of the model', shape.error);
  const files = await readModelFiles(directory, list);
  const tokenizerFile = files.get('tokenizer.json');
  if (tokenizerFile === undefined) throw new ModelFileError('weights.json', 'lists no tokenizer.json');
  const tokenizer = readTokenizer(tokenizerFile);
  const pool = startWorkerPool(files, Math.min(workersMax, availableParallelism()));
  try {
    await Promise.all(['eye.onnx', 'decoder.onnx'].map((file) => pool.open(file)));
  } catch (err) {
    await pool.close();
    throw err;
  }
  const { contextTokens, pictureTokens } = shape.data;
  return {
    tokenizer,
    contextTokens,
    pictureTokens,
    see: (picture) => see(pool, picture),
    read: (past, ids, vectors = new Float32Array()) => read(pool, shape.data, { past, ids, vectors }),
    close: () => pool.close(),
  };
}

async function see(pool: WorkerPool, picture: Float32Array): Promise<Float32Array> {
  const { vectors } = await pool.run('eye.onnx', {
    picture: { data: picture, dims: [1, 3, eyeSidePx, eyeSidePx] },
  });
  return floats(vectors);
}

async function read(
  pool: WorkerPool,
  { past: { layers, heads, headWidth } }: Shape,
  { past, ids, vectors }: { past: ScenesPast; ids: readonly number[]; vectors: Float32Array },
) {
  const width = heads * headWidth;
  const { logits, present } = await pool.run('decoder.onnx', {
    ids: { data: BigInt64Array.from(ids, BigInt), dims: [1, ids.length] },
    rows: { data: vectors, dims: [vectors.length / width, width] },
    past: { data: past.data, dims: [layers, 2, 1, heads, past.tokens, headWidth] },
  });
  return { scores: floats(logits), past: { tokens: past.tokens + ids.length, data: floats(present) } };
}

function floats(data: TensorData | undefined): Float32Array {
  if (!(data instanceof Float32Array)) throw new TypeError('The model did not return fp32 values.');
  return data;
}
