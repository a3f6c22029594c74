/**
 * What a GPU does with models of full size: runs only where one is, and says so where none is. Speed and memory do not depend
 * on the values of weights, so they are random and nothing is downloaded (`gpu-container/runtime/bench`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { readManifests } from '#aws/manifest-files.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { predictedPeakMb } from '#core/models/memory.ts';
import type { Bench, BenchReport } from './bench.ts';
import { FlagError, wholeFlag } from './bench.ts';

type Row = BenchReport['rows'][number];

const root = join(import.meta.dirname, '..', 'gpu-container');

/** Bars of a card (scaling.md section 5, issue 6). */
const bars = { ofPlainLeast: 0.97, busyLeast: 0.95, swapMsMax: 100, memoryOff: 0.1 } as const;

const figure = z.number();
const known = figure.nullable();
const coldSchema = z.looseObject({ what: z.enum(['cold start', 'cold start of chats']) });
const measuredSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('card'), name: z.string().nullable(), tiny: z.boolean().default(false) }),
  z.object({
    ...{ what: z.literal('pictures'), size: figure, batch: figure, perSecond: figure },
    ...{ plainPerSecond: figure, ofPlain: figure, busy: known, peakMb: known },
  }),
  z.object({ what: z.literal('adapters'), fileMb: figure, loadMs: figure, swapMs: figure, offMs: figure }),
  z.object({
    ...{ what: z.literal('chats'), together: figure, requestsPerSecond: figure, tokensPerSecond: figure },
    ...{ ofOneByOne: figure, busy: known, peakMb: known },
  }),
]);
const lineSchema = z.union([measuredSchema, coldSchema]);
type Line = z.infer<typeof lineSchema>;

/** `--python FILE` has torch, diffusers and transformers; `--tiny` tries the benchmark itself with tiny models. */
export const gpuBench: Bench = async (flags) => {
  if (typeof flags.python !== 'string')
    throw new FlagError('--python must name a Python with the packages of the runtime');
  const rounds = ['--rounds', String(wholeFlag(flags, 'rounds', 5))];
  const lines = await measure(flags.python, flags.tiny === true ? ['--tiny', ...rounds] : rounds);
  const card = lines.find((line) => line.what === 'card');
  if (card?.name === null) return { rows: [{ gpu: 'none here: not measured' }], failures: [] };
  const predict = predictor(await readManifests(join(root, 'models')));
  // What tiny models take says nothing of a card.
  const failures = flags.tiny === true ? [] : lines.flatMap((line) => brokenBars(line, predict));
  return { rows: lines.flatMap((line) => rowsOf(line, predict)), failures };
};

async function measure(python: string, options: readonly string[]): Promise<Line[]> {
  const script = join(root, 'runtime', 'bench', 'main.py');
  const child = spawn(python, [script, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  const lines: Line[] = [];
  for await (const line of createInterface(child.stdout)) {
    process.stderr.write(`${line}\n`);
    lines.push(lineSchema.parse(JSON.parse(line)));
  }
  const [code] = await ended;
  if (code !== 0) throw new Error(`the benchmark ended with ${code} after ${lines.length} lines`);
  return lines;
}

function rowsOf(line: Line, predict: Predict): Row[] {
  switch (line.what) {
    case 'card':
      return [
        { what: 'card', figure: String(line.name), beside: '', busy: '', 'peak MB': '', 'predicted MB': '' },
      ];
    case 'pictures': {
      const { size, batch, perSecond, plainPerSecond, ofPlain } = line;
      const beside = `${ofPlain.toFixed(3)} of the plain loop's ${plainPerSecond.toFixed(2)}`;
      const what = `${size} px, ${batch} in a call`;
      return [{ what, figure: `${perSecond.toFixed(2)} pictures/s`, beside, ...loadOf(line, predict) }];
    }
    case 'chats': {
      const { together, requestsPerSecond, tokensPerSecond, ofOneByOne } = line;
      const figures = `${requestsPerSecond.toFixed(2)} requests/s, ${tokensPerSecond.toFixed(0)} tokens/s`;
      const beside = `${ofOneByOne.toFixed(2)} of one by one`;
      return [{ what: `chats, ${together} in a call`, figure: figures, beside, ...loadOf(line, predict) }];
    }
    default:
      return Object.entries(line)
        .filter(([name, value]) => name !== 'what' && value !== null)
        .map(([name, value]) => ({ what: `${line.what}, ${name}`, figure: Number(value).toFixed(1) }));
  }
}

type Measured = Extract<Line, { what: 'pictures' | 'chats'; busy: unknown }>;

function loadOf(line: Measured, predict: Predict): Row {
  const { busy, peakMb } = line;
  return {
    busy: busy === null ? '' : busy.toFixed(3),
    'peak MB': peakMb === null ? '' : peakMb.toFixed(0),
    'predicted MB': predict(line),
  };
}

/** MB on top of the weights, as the manifest says: what a worker plans with. */
type Predict = (line: Measured) => number;

function predictor(manifests: readonly Manifest[]): Predict {
  const memoryOf = (model: string) => {
    const found = manifests.find(({ id }) => id === model);
    if (found === undefined) throw new Error(`there is no manifest of ${model}`);
    return found.memory;
  };
  const [pictures, chats] = [memoryOf('z-image-turbo'), memoryOf('qwen3-vl-8b')];
  return (line) =>
    line.what === 'chats'
      ? line.together * (chats.per_answer_mb ?? 0)
      : predictedPeakMb(pictures, { images: line.batch, pixels: line.size ** 2 });
}

function brokenBars(line: Line, predict: Predict): string[] {
  if (line.what === 'adapters')
    return line.swapMs <= bars.swapMsMax ? [] : [`a swap took ${line.swapMs.toFixed(0)} ms`];
  if (line.what !== 'pictures') return [];
  const where = `${line.size} px, ${line.batch} in a call`;
  const broken: string[] = [];
  if (line.ofPlain < bars.ofPlainLeast) broken.push(`${where}: ${line.ofPlain.toFixed(3)} of the plain loop`);
  if (line.busy !== null && line.busy < bars.busyLeast) broken.push(`${where}: busy ${line.busy.toFixed(3)}`);
  const { peakMb } = line;
  if (peakMb !== null && Math.abs(predict(line) / peakMb - 1) > bars.memoryOff)
    broken.push(`${where}: took ${peakMb.toFixed(0)} MB, and ${predict(line)} were predicted`);
  return broken;
}
