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
  mutant: z.string().optional(),
});

/** Runs between two messages: often enough for a counter that moves. */
const sliceRuns = 50;

async function main(): Promise<void> {
  const { seed, runs, operations, without, favour, mutant } = askSchema.parse(
    JSON.parse(process.argv[2] ?? ''),
  );
  // A tenth of what a call that fails costs; a seed that breaks is run again to be looked at.
  Error.stackTraceLimit = 0;
  if (mutant !== undefined) plant(mutantOf(mutant));
  // Loaded now: what is planted has to be there first.
  const { runSeed } = await import('./run.ts');
  const stray: string[] = [];
  process.on('unhandledRejection', (error) => stray.push(`unhandled rejection: ${String(error)}`));
  let tally = emptyTally();
  for (let done = 1; done <= runs; done += 1) {
    const run = await runSeed(seed + done - 1, { operations, without, favour });
    addRun(tally, { ...run, violations: [...run.violations, ...stray.splice(0)] });
    if (done % sliceRuns !== 0 && done !== runs && tally.broken.length === 0) continue;
    await send(tally);
    tally = emptyTally();
  }
}

function send(tally: Tally): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(tally, undefined, undefined, (error) => (error === null ? resolve() : reject(error)));
  });
}

await main();
process.disconnect?.();
