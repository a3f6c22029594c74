/**
 * An engine that takes time instead of computing: for tests, load tests and pricing trials. It obeys the batch law
 * of a real device, t(b) = a + c * b for b pictures, and its faults are real ones: `crash` exits, `hang` blocks the
 * event loop, `oom` asks for memory that no machine has, `grow` takes ever more of what there is, `nan` divides zero by zero, `error` fails its item.
 *
 * Its models: every name with the word `fake` in it, such as `fake`; those with `chat` in it too answer messages. `fake-too-big` runs out of memory
 * while it loads, `fake-broken` throws.
 */
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import type { Engine, EngineBatch, ModelRef, OutputFile, RunContext } from '../engine.ts';
import { EngineFault, parseItems } from '../engine.ts';
import type { FakeAnswer } from './fake-chat.ts';
import { answerTo, chatParamsSchema } from './fake-chat.ts';
import { faultSchema } from './fake-faults.ts';

const loadMs = 20;

/** Share of a step that does not grow with the batch, so that one picture takes `step_ms` exactly. */
const fixedShare = 0.7;

const paramsSchema = z.strictObject({
  prompt: z.string().max(4000).default(''),
  n: z.int().min(1).max(16).default(1),
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  size: z.int().min(1).max(4096).default(512),
  steps: z.int().min(1).max(1000).default(4),
  /** Milliseconds of one step of one picture alone. */
  step_ms: z.number().min(0).max(60_000).default(5),
  fault: faultSchema,
});

interface FakeItem {
  readonly id: string;
  readonly params: Pick<z.infer<typeof paramsSchema>, 'n' | 'seed' | 'step_ms' | 'fault'>;
  readonly steps: number;
  /** What a chat is answered with, a word a step; null where pictures are made. */
  readonly answer: FakeAnswer | null;
}

const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** A fake engine; it reads no files. */
export function createFakeEngine(): Engine {
  return {
    name: 'fake',
    versions: { node: process.versions.node },
    capabilities: { deltas: true, adapters: false },
    load,
    unload: async () => undefined,
    run,
  };
}

async function load({ model }: ModelRef): Promise<void> {
  if (!model.split('-').includes('fake')) throw new EngineFault('MODEL_NOT_LOADED', 'there is no such model');
  await delay(loadMs);
  if (model === 'fake-too-big') exhaustMemory();
  if (model === 'fake-broken') throw new Error('the weights do not fit the network');
}

async function run(batch: EngineBatch, context: RunContext): Promise<void> {
  const gpuMs = new Map<string, number>();
  let going = itemsOf(batch, context);
  for (let step = 1; going.length > 0; step += 1) {
    const stopped = going.filter((item) => context.isStopped(item.id));
    for (const { id } of stopped) context.end(id, { kind: 'stopped', gpuMs: gpuMs.get(id) ?? 0 });
    going = going.filter((item) => !stopped.includes(item));
    await takeStep(going, gpuMs);
    for (const item of going) {
      const spentMs = gpuMs.get(item.id) ?? 0;
      context.progress(item.id, step, item.answer?.stepsMax ?? item.steps);
      const piece = item.answer?.pieces[step - 1] ?? '';
      if (piece !== '') context.delta(item.id, piece);
      if (hasFailed(item, step, spentMs, context)) going = going.filter((other) => other !== item);
      else if (step === item.steps) await finish(item, spentMs, context);
    }
    going = going.filter((item) => step < item.steps);
  }
}

function itemsOf(batch: EngineBatch, context: RunContext): FakeItem[] {
  if (!batch.model.split('-').includes('chat')) {
    const items = parseItems(paramsSchema, batch, context);
    return items.map(({ id, params }) => ({ id, params, steps: params.steps, answer: null }));
  }
  return parseItems(chatParamsSchema, batch, context).map(({ id, params }) => {
    const answer = answerTo(params);
    return { id, params: { ...params, n: 1 }, steps: answer.pieces.length, answer };
  });
}

/** One step of all of them together: the device is busy as long as its slowest item and the batch law say. */
async function takeStep(items: readonly FakeItem[], gpuMs: Map<string, number>): Promise<void> {
  const pictures = items.reduce((sum, item) => sum + item.params.n, 0);
  const stepMs = Math.max(0, ...items.map((item) => item.params.step_ms));
  const startMs = performance.now();
  await delay(stepMs * (fixedShare + (1 - fixedShare) * pictures));
  const elapsedMs = performance.now() - startMs;
  for (const { id, params } of items) {
    gpuMs.set(id, (gpuMs.get(id) ?? 0) + (elapsedMs * params.n) / pictures);
  }
}

/** Commits the item's fault. True when that ended this item alone; the worse ones end more, by throwing or exiting. */
function hasFailed({ id, params }: FakeItem, step: number, gpuMs: number, context: RunContext): boolean {
  if (params.fault === 'grow') growMemory();
  if (step > 1) return false;
  switch (params.fault) {
    case undefined:
    case 'grow':
      return false;
    case 'crash':
      return process.exit(70);
    case 'hang':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      return true;
    case 'oom':
      return exhaustMemory();
    case 'nan':
      if (Number.isFinite((step - 1) / (step - 1))) return false;
      context.end(id, { kind: 'failed', code: 'NAN_OUTPUT', message: 'the picture is not finite', gpuMs });
      return true;
    case 'error':
      context.end(id, {
        kind: 'failed',
        code: 'INTERNAL',
        message: 'the fake model failed on request',
        gpuMs,
      });
      return true;
  }
}

const grownBytesStep = 32 * 1024 * 1024;
/** Where nobody stops it: enough to pass any cap of a test, and no machine falls over. */
const grownBytesMax = 1024 * 1024 * 1024;
const grown: Buffer[] = [];

/** A step's worth of memory that is really written, and never given back. */
function growMemory(): void {
  if (grown.length * grownBytesStep >= grownBytesMax) throw new EngineFault('OOM', 'grown to the end');
  grown.push(Buffer.alloc(grownBytesStep, 1));
}

/** As on a GPU, what does not fit takes its whole batch with it. */
function exhaustMemory(): never {
  try {
    const bytes = new ArrayBuffer(2 ** 47);
    throw new Error(`a machine with ${bytes.byteLength} bytes of memory was not expected`);
  } catch (err) {
    if (err instanceof RangeError) throw new EngineFault('OOM', 'out of memory', err);
    throw err;
  }
}

async function finish({ id, params, answer }: FakeItem, gpuMs: number, context: RunContext): Promise<void> {
  const seeds = Array.from({ length: params.n }, (_, index) => params.seed + index);
  const end = { kind: 'succeeded', seeds, unknownWords: [], gpuMs } as const;
  if (answer !== null) {
    await context.write(id, textFile(answer.pieces.join('')));
    return context.end(id, { ...end, answer: answer.told });
  }
  for (const _ of seeds) await context.write(id, pictureFile());
  context.end(id, end);
}

function pictureFile(): OutputFile {
  return { body: pixel, contentType: 'image/png', extension: 'png', width: 1, height: 1 };
}

function textFile(text: string): OutputFile {
  const body = Buffer.from(text);
  return { body, contentType: 'text/plain; charset=utf-8', extension: 'txt', width: null, height: null };
}
