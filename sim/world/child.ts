/** One process of {@link runWorlds}: runs its share and sends a tally every so often. */
import * as z from 'zod';
import { plant } from './plant.ts';
import { mutantOf } from './planted/mutants.ts';
import type { Tally } from './tally.ts';
import { addRun, emptyTally } from './tally.ts';

const askSchema = z.object({
  seed: z.int(),
  runs: z.int(),
  operations: z.int().optional(),
  without: z.array(z.string()),
  favour: z.string().optional(),
  sought: z.array(z.string()).default([]),
  mutant: z.string().optional(),
});

/** Runs between two messages: often enough for a counter that moves. */
const sliceRuns = 50;

async function main(): Promise<void> {
  const { seed, runs, favour, sought, mutant, ...options } = askSchema.parse(
    JSON.parse(process.argv[2] ?? ''),
  );
  // A tenth of what a call that fails costs; a seed that breaks is run again to be looked at.
  Error.stackTraceLimit = 0;
  if (mutant !== undefined) plant(mutantOf(mutant));
  // Loaded now: what is planted has to be there first.
  const { runSeed } = await import('./run.ts');
  const { seedFor } = await import('./favoured-seeds.ts');
  const stray: string[] = [];
  process.on('unhandledRejection', (error) => stray.push(`unhandled rejection: ${String(error)}`));

  async function runAll(
    favoured: string | undefined,
    seedFrom: (seed: number) => number,
    isEnough: (tally: Tally) => boolean,
  ): Promise<void> {
    let tally = emptyTally();
    let next = seed;
    for (let done = 1; done <= runs; done += 1) {
      next = seedFrom(next);
      const run = await runSeed(next, { ...options, favour: favoured });
      next += 1;
      addRun(tally, { ...run, violations: [...run.violations, ...stray.splice(0)] });
      const isOver = done === runs || isEnough(tally);
      if (!isOver && done % sliceRuns !== 0 && tally.broken.length === 0) continue;
      await send(tally);
      if (isOver) return;
      tally = emptyTally();
    }
  }

  // What other processes run goes on where this one stops, so it leaves none out.
  if (sought.length === 0)
    await runAll(
      favour,
      (from) => from,
      () => false,
    );
  for (const each of sought) {
    await runAll(
      each,
      (from) => seedFor(each, from),
      ({ hits }) => (hits[each] ?? 0) > 0,
    );
  }
}

function send(tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(tally, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}

await main();
process.disconnect?.();
