/**
 * Runs a batch of the picture model: items become pictures, pictures share model calls of at most {@link picturesMax}, and
 * every item ends with its last picture.
 */
import { createHash, randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { EngineBatch, ParsedItem, RunContext } from '../engine.ts';
import { EngineFault, parseItems } from '../engine.ts';
import type { DemoModel } from './demo-engine.ts';
import type { ShapesModel, ShapesPicture } from './shapes-model.ts';
import { loadShapesModel } from './shapes-model.ts';
import { startPreviews } from './shapes-previews.ts';

/** Pictures in one model call: bounds memory, and the time between two chances to cancel. */
const picturesMax = 8;

const seedMax = 0xffff_ffff;

const paramsSchema = z.strictObject({
  prompt: z.string().min(1).max(4000),
  n: z.int().min(1).max(16).default(1),
  /** Drawn by lot when left out; the result names it either way. */
  seed: z
    .int()
    .min(0)
    .max(seedMax)
    .default(() => randomInt(seedMax + 1)),
  size: z.literal([64, 256, 512]).default(256),
  steps: z.int().min(1).max(16).default(8),
  guidance: z.number().min(1).max(10).optional(),
});

type Params = z.infer<typeof paramsSchema>;

/** An item on its way: what its finished calls brought so far. */
interface ItemRun extends ParsedItem<Params> {
  /** Steps of finished calls, and of all the calls that its pictures are spread over. */
  stepsDone: number;
  stepsTotal: number;
  readonly seeds: number[];
  readonly unknownWords: Set<string>;
  gpuMs: number;
  isEnded: boolean;
}

interface PictureRun {
  readonly item: ItemRun;
  readonly seed: number;
}

/** Loads the model as `loadShapesModel` does. */
export async function openShapes(directory: string): Promise<DemoModel> {
  const model = await loadShapesModel(directory);
  return {
    async run(batch, context) {
      const adapters = await readAdapters(batch.adapters);
      for (const call of callsOf(batch, context)) await runCall(model, { call, adapters }, context);
    },
    close: () => model.close(),
  };
}

/** The model calls of a batch. Items that a worker put together share their steps; any others never share a call. */
function callsOf(batch: EngineBatch, context: RunContext): PictureRun[][] {
  const items = parseItems(paramsSchema, batch, context).map(startItem);
  const groups = Map.groupBy(items, ({ params }) => `${params.steps} ${params.size} ${params.guidance}`);
  const calls: PictureRun[][] = [];
  for (const group of groups.values()) {
    const pictures = group.flatMap((item) =>
      Array.from({ length: item.params.n }, (_, index) => ({ item, seed: item.params.seed + index })),
    );
    for (let start = 0; start < pictures.length; start += picturesMax) {
      calls.push(pictures.slice(start, start + picturesMax));
    }
  }
  for (const call of calls) for (const item of itemsOf(call)) item.stepsTotal += item.params.steps;
  return calls;
}

function startItem({ id, params }: ParsedItem<Params>): ItemRun {
  return {
    id,
    params,
    stepsDone: 0,
    stepsTotal: 0,
    seeds: [],
    unknownWords: new Set(),
    gpuMs: 0,
    isEnded: false,
  };
}

type Adapters = NonNullable<Parameters<ShapesModel['generate']>[1]['adapters']>;

/** Throws EngineFault `ADAPTER_INVALID` for a file that is not there, or not the one that was said. */
async function readAdapters(adapters: EngineBatch['adapters']): Promise<Adapters> {
  return await Promise.all(
    adapters.map(async ({ id, path, sha256, weight }) => {
      const body = await readFile(path).catch((err: unknown) => {
        throw new EngineFault('ADAPTER_INVALID', `the adapter ${id} cannot be read`, err);
      });
      if (createHash('sha256').update(body).digest('hex') !== sha256) {
        throw new EngineFault('ADAPTER_INVALID', `the adapter ${id} has another sha256`);
      }
      return { id, body, sha256, weight };
    }),
  );
}

async function runCall(
  model: ShapesModel,
  { call, adapters }: { readonly call: readonly PictureRun[]; readonly adapters: Adapters },
  context: RunContext,
): Promise<void> {
  for (const item of itemsOf(call)) if (context.isStopped(item.id)) stop(item, context);
  const pictures = call.filter(({ item }) => !item.isEnded);
  const [first] = pictures;
  if (first === undefined) return;
  const { steps, guidance } = first.item.params;
  const previews = startPreviews(
    pictures.map(({ item, seed }) => ({ itemId: item.id, isFirst: seed === item.params.seed })),
    context,
  );
  const startMs = performance.now();
  const drawn = await model.generate(
    pictures.map(({ item, seed }) => ({ prompt: item.params.prompt, seed, size: item.params.size })),
    {
      steps,
      guidance,
      adapters,
      onStep: (step) => {
        for (const item of itemsOf(pictures)) {
          if (!context.isStopped(item.id)) context.progress(item.id, item.stepsDone + step, item.stepsTotal);
        }
      },
      onLook: previews?.onLook,
      isCanceled: (index) => context.isStopped(pictures[index]?.item.id ?? ''),
    },
  );
  const shareMs = (performance.now() - startMs - (previews?.spentMs() ?? 0)) / pictures.length;
  for (const { item } of pictures) item.gpuMs += shareMs;
  for (const item of itemsOf(pictures)) item.stepsDone += steps;
  await deliver(pictures, drawn, context);
}

async function deliver(
  pictures: readonly PictureRun[],
  drawn: readonly (ShapesPicture | 'canceled')[],
  context: RunContext,
): Promise<void> {
  for (const [index, { item, seed }] of pictures.entries()) {
    const picture = drawn[index] ?? 'canceled';
    if (item.isEnded) continue;
    if (picture === 'canceled') {
      stop(item, context);
      continue;
    }
    await writePicture(item.id, picture, context);
    item.seeds.push(seed);
    for (const word of picture.unknownWords) item.unknownWords.add(word);
    if (item.seeds.length === item.params.n) succeed(item, context);
  }
}

async function writePicture(itemId: string, picture: ShapesPicture, context: RunContext): Promise<void> {
  const { encodePng } = await import('./pictures.ts');
  const { width, height } = picture;
  const body = await encodePng(picture);
  await context.write(itemId, { body, contentType: 'image/png', extension: 'png', width, height });
}

function succeed(item: ItemRun, context: RunContext): void {
  const { id, seeds, unknownWords, gpuMs } = item;
  item.isEnded = true;
  context.end(id, { kind: 'succeeded', seeds, unknownWords: [...unknownWords], gpuMs });
}

function stop(item: ItemRun, context: RunContext): void {
  if (item.isEnded) return;
  item.isEnded = true;
  context.end(item.id, { kind: 'stopped', gpuMs: item.gpuMs });
}

function itemsOf(pictures: readonly PictureRun[]): ReadonlySet<ItemRun> {
  return new Set(pictures.map(({ item }) => item));
}
