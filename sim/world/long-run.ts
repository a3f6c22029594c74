/** A long run in pieces, whose figures are in a file after each of them: one that was stopped goes on from there. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import type { WorldsAsk } from './parallel.ts';
import { runWorlds } from './parallel.ts';
import type { Tally } from './tally.ts';
import { addTally, emptyTally } from './tally.ts';

const countSchema = z.number().nonnegative();
const countsSchema = z.record(z.string(), countSchema);
const effortSchema = z.object({ requests: countSchema, accepted: countSchema });

const keptSchema = z.object({
  from_seed: z.int(),
  seconds: countSchema,
  runs: countSchema,
  operations: countSchema,
  jobs: countSchema,
  calls: countSchema,
  storm: z.object({ stormy: effortSchema, calm: effortSchema }),
  simulatedMs: countSchema,
  hits: countsSchema,
  sites: z.array(z.string()),
  broken: z.array(z.object({ seed: z.int(), violation: z.string() })),
});

export interface LongAsk extends WorldsAsk {
  /** Where the figures are kept; absent: nowhere. */
  readonly json?: string | undefined;
  /** Goes on from the figures that are kept there. */
  readonly resume: boolean;
}

export interface LongRun {
  readonly tally: Tally;
  /** Of this run and of those that it goes on from. */
  readonly seconds: number;
}

/** Worlds between two writes: four minutes' worth, beside which the start of a process is little. */
const pieceRuns = 10_000;

/**
 * @param onProgress hears of all worlds so far
 * @throws Error for a file that holds no figures, or those of other seeds
 */
export async function runLong(ask: LongAsk, onProgress: (tally: Tally) => void): Promise<LongRun> {
  const { tally, seconds: secondsBefore } = ask.resume ? keptIn(ask) : { tally: emptyTally(), seconds: 0 };
  const startedAt = performance.now();
  const secondsSoFar = () => secondsBefore + (performance.now() - startedAt) / 1000;
  while (tally.runs < ask.runs) {
    const seed = ask.seed + tally.runs;
    const piece = { ...ask, seed, runs: Math.min(pieceRuns, ask.runs - tally.runs) };
    const before = structuredClone(tally);
    const onPiece = (more: Tally) => {
      const sum = structuredClone(before);
      addTally(sum, more);
      onProgress(sum);
    };
    addTally(tally, await runWorlds(piece, { isEnough: () => false, onProgress: onPiece }));
    keep(ask, tally, { seconds: secondsSoFar() });
  }
  return { tally, seconds: secondsSoFar() };
}

/** The figures as they stand, with whatever else is known of them. */
export function keep(
  { json, seed }: Pick<LongAsk, 'json' | 'seed'>,
  tally: Tally,
  { seconds, ...known }: { readonly seconds: number; readonly [name: string]: unknown },
): void {
  if (json === undefined) return;
  const figures = { from_seed: seed, seconds: Math.round(seconds), ...known, ...tally };
  writeFileSync(json, `${JSON.stringify(figures, null, 2)}\n`);
}

function keptIn({ json, seed }: LongAsk): LongRun {
  if (json === undefined) throw new Error('--resume needs --json: the file with the figures to go on from');
  if (!existsSync(json)) return { tally: emptyTally(), seconds: 0 };
  const { from_seed, seconds, ...tally } = keptSchema.parse(JSON.parse(readFileSync(json, 'utf8')));
  if (from_seed !== seed) throw new Error(`${json} has worlds from seed ${from_seed} on, not from ${seed}`);
  return { tally, seconds };
}
