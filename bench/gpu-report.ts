/** What the lines of `gpu-container/runtime/bench` come to: rows of a table, and the bars of a card that they broke. */
import * as z from 'zod';
import type { Manifest } from '#core/models/manifest.ts';
import { predictedPeakMb } from '#core/models/memory.ts';
import type { BenchReport } from './bench.ts';

type Row = BenchReport['rows'][number];

/** Bars of a card (scaling.md section 5, issue 6). */
const bars = { ofPlainLeast: 0.97, busyLeast: 0.95, swapMsMax: 100, memoryOff: 0.1 } as const;

const figure = z.number();
const known = figure.nullable();
const loadShape = { busy: known, peakMb: known };

export const lineSchema = z.discriminatedUnion('what', [
  z.object({ what: z.literal('card'), name: z.string().nullable(), tiny: z.boolean().default(false) }),
  z.looseObject({ what: z.literal('cold start'), model: z.string(), weightsMb: known }),
  z.object({
    ...{ what: z.literal('pictures'), model: z.string(), size: figure, batch: figure, perSecond: figure },
    ...{ plainPerSecond: figure, ofPlain: figure, ...loadShape },
  }),
  z.object({ what: z.literal('adapters'), fileMb: figure, loadMs: figure, swapMs: figure, offMs: figure }),
  z.object({
    ...{ what: z.literal('chats'), model: z.string(), together: figure, inCall: figure },
    ...{ requestsPerSecond: figure, tokensPerSecond: figure, ofOneByOne: figure, ...loadShape },
  }),
]);

export type Line = z.infer<typeof lineSchema>;
type ColdStart = Extract<Line, { what: 'cold start' }>;
type Measured = Extract<Line, { what: 'pictures' | 'chats' }>;

export const notMeasured: BenchReport = { rows: [{ gpu: 'none here: not measured' }], failures: [] };

/** @param manifests those of all models that the lines name */
export function reportOf(lines: readonly Line[], manifests: readonly Manifest[]): BenchReport {
  const card = lines.find((line) => line.what === 'card');
  if (card === undefined || card.name === null) return notMeasured;
  const memoryOf = (model: string) => {
    const found = manifests.find(({ id }) => id === model);
    if (found === undefined) throw new Error(`there is no manifest of ${model}`);
    return found.memory;
  };
  // What tiny models take says nothing of a card.
  const failures = card.tiny ? [] : lines.flatMap((line) => brokenBars(line, memoryOf));
  return { rows: lines.flatMap((line) => rowsOf(line, memoryOf)), failures };
}

type MemoryOf = (model: string) => Manifest['memory'];

/** MB on top of the weights, as the manifest says. A worker plans with no less: it counts what a call takes once for every job. */
function predictedMb(line: Measured, memoryOf: MemoryOf): number {
  const memory = memoryOf(line.model);
  return line.what === 'chats'
    ? line.inCall * (memory.per_answer_mb ?? 0)
    : predictedPeakMb(memory, { images: line.batch, pixels: line.size ** 2 });
}

function nameOf(line: Measured): string {
  if (line.what === 'pictures') return `${line.model}, ${line.size} px, ${line.batch} in a call`;
  const { model, together, inCall } = line;
  return `${model}, ${together} chats ${together > inCall ? `at once, ${inCall} in a call` : 'in a call'}`;
}

function rowsOf(line: Line, memoryOf: MemoryOf): Row[] {
  switch (line.what) {
    case 'card':
      return [rowOf('card', String(line.name))];
    case 'pictures': {
      const beside = `${line.ofPlain.toFixed(3)} of the plain loop's ${line.plainPerSecond.toFixed(2)}`;
      const pictures = `${line.perSecond.toFixed(2)} pictures/s`;
      return [{ ...rowOf(nameOf(line), pictures, beside), ...loadOf(line, memoryOf) }];
    }
    case 'chats': {
      const { requestsPerSecond, tokensPerSecond, ofOneByOne } = line;
      const figures = `${requestsPerSecond.toFixed(2)} requests/s, ${tokensPerSecond.toFixed(0)} tokens/s`;
      const beside = `${ofOneByOne.toFixed(2)} of one by one`;
      return [{ ...rowOf(nameOf(line), figures, beside), ...loadOf(line, memoryOf) }];
    }
    case 'cold start':
      return [...timesOf(line, line.model), ...weightsOf(line, memoryOf)];
    case 'adapters':
      return timesOf(line, 'adapters');
  }
}

function rowOf(what: string, text: string, beside = ''): Row {
  return { what, figure: text, beside, busy: '', 'peak MB': '', 'predicted MB': '' };
}

function loadOf(line: Measured, memoryOf: MemoryOf): Row {
  const [busy, peak] = [line.busy?.toFixed(3) ?? '', line.peakMb?.toFixed(0) ?? ''];
  return { busy, 'peak MB': peak, 'predicted MB': predictedMb(line, memoryOf) };
}

function timesOf(line: Readonly<Record<string, unknown>>, of: string): Row[] {
  return Object.entries(line).flatMap(([name, value]) =>
    typeof value === 'number' && name !== 'weightsMb' ? [rowOf(`${of}, ${name}`, value.toFixed(1))] : [],
  );
}

function weightsOf({ model, weightsMb }: ColdStart, memoryOf: MemoryOf): Row[] {
  if (weightsMb === null) return [];
  const beside = `${memoryOf(model).weights_mb} of the manifest`;
  return [rowOf(`${model}, weights`, `${weightsMb.toFixed(0)} MB`, beside)];
}

function brokenBars(line: Line, memoryOf: MemoryOf): string[] {
  switch (line.what) {
    case 'card':
      return [];
    case 'adapters':
      return line.swapMs <= bars.swapMsMax ? [] : [`a swap took ${line.swapMs.toFixed(0)} ms`];
    case 'cold start':
      return brokenMemory(`${line.model}, weights`, line.weightsMb, memoryOf(line.model).weights_mb);
    case 'pictures':
    case 'chats':
      return [...brokenSpeed(line), ...brokenPeak(line, memoryOf)];
  }
}

function brokenSpeed(line: Measured): string[] {
  const broken: string[] = [];
  if (line.what === 'pictures' && line.ofPlain < bars.ofPlainLeast)
    broken.push(`${nameOf(line)}: ${line.ofPlain.toFixed(3)} of the plain loop`);
  if (line.busy !== null && line.busy < bars.busyLeast)
    broken.push(`${nameOf(line)}: busy ${line.busy.toFixed(3)}`);
  return broken;
}

function brokenPeak(line: Measured, memoryOf: MemoryOf): string[] {
  const mb = predictedMb(line, memoryOf);
  // An answer is planned with at its longest, and these are short: they may take less.
  const isLess = line.what === 'chats' && line.peakMb !== null && line.peakMb <= mb;
  return isLess ? [] : brokenMemory(nameOf(line), line.peakMb, mb);
}

function brokenMemory(what: string, tookMb: number | null, predicted: number): string[] {
  if (tookMb === null || Math.abs(predicted / tookMb - 1) <= bars.memoryOff) return [];
  return [`${what}: took ${tookMb.toFixed(0)} MB, and ${predicted} were predicted`];
}
