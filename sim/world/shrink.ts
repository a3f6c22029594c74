/** Makes a run that fails smaller: fewer operations, then fewer kinds of trouble, as long as it still fails. */
import { faultKinds } from './faults.ts';
import { quirks } from './quirks.ts';
import type { RunOptions, RunReport } from './run.ts';
import { operationsDefault, runSeed } from './run.ts';
import { themes, troubles, whims } from './scenario.ts';

export interface Shrunk extends Smaller {
  readonly seed: number;
  readonly violations: readonly string[];
}

type Smaller = Required<Pick<RunOptions, 'operations' | 'without'>>;

/** A run as far as shrinking looks at it. */
export type Run = (seed: number, options: RunOptions) => Promise<Pick<RunReport, 'violations'>>;

/** Null when the run does not fail. Leaving out what plays no part tells a reader what does. */
export async function shrink(
  seed: number,
  options: RunOptions = {},
  run: Run = runSeed,
): Promise<Shrunk | null> {
  const { favour } = options;
  const failuresOf = async (smaller: Smaller) => (await run(seed, { ...smaller, favour })).violations;
  let best: Smaller = {
    operations: options.operations ?? operationsDefault,
    without: [...(options.without ?? [])],
  };
  let violations = await failuresOf(best);
  if (violations.length === 0) return null;
  const tryOut = async (smaller: Smaller) => {
    const found = await failuresOf(smaller);
    if (found.length === 0) return false;
    best = smaller;
    violations = found;
    return true;
  };
  for (let half = Math.floor(best.operations / 2); half >= 1; half = Math.floor(half / 2)) {
    while (best.operations > half && (await tryOut({ ...best, operations: best.operations - half })));
  }
  for (const kind of [...themes, ...troubles, ...whims, ...quirks, ...faultKinds]) {
    if (!best.without.includes(kind)) await tryOut({ ...best, without: [...best.without, kind] });
  }
  return { seed, ...best, violations };
}
