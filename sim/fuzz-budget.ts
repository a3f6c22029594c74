/**
 * How long a fuzzed property runs: a few hundred times with every test run, or for as long as `npm run fuzz` says. A
 * failure prints its seed and the shrunk counterexample either way.
 */
import { appendFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';

/** Milliseconds that one property may take, and the file that its runs are noted in; `tools/fuzz.ts` sets both. */
export const fuzzEnv = { propertyMs: 'PILOTLIGHT_FUZZ_MS', tally: 'PILOTLIGHT_FUZZ_TALLY' } as const;

/** Parameters of `fc.assert`: so many runs, or as many as fit the time that the environment gives. */
export function budget<T>(numRuns: number): fc.Parameters<T> {
  const propertyMs = Number(process.env[fuzzEnv.propertyMs] ?? 0);
  if (propertyMs === 0) return { numRuns };
  return {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: propertyMs,
    // With a reporter of one's own fast-check no longer throws by itself.
    reporter: (details) => report(details, fc.defaultReportMessage(details)),
  };
}

type Ended = Pick<fc.RunDetails<unknown>, 'failed' | 'numRuns' | 'seed'>;

function report({ failed, numRuns, seed }: Ended, message: string | undefined): void {
  const tally = process.env[fuzzEnv.tally];
  const line = { property: expect.getState().currentTestName, numRuns, seed, failed };
  if (tally !== undefined) appendFileSync(tally, `${JSON.stringify(line)}\n`);
  if (failed) throw new Error(message ?? 'the property failed');
}
