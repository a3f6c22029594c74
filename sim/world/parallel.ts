/** Worlds in child processes: a run needs one core, and a planted bug needs a process that has loaded nothing yet. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Tally } from './tally.ts';
import { addTally, emptyTally } from './tally.ts';

export interface WorldsAsk {
  readonly seed: number;
  readonly runs: number;
  readonly operations?: number | undefined;
  readonly without: readonly string[];
  readonly favour?: string | undefined;
  readonly mutant?: string | undefined;
  readonly processes: number;
}

export interface WorldsOptions {
  /** Ends every process once it says so of what has come in. */
  readonly isEnough: (tally: Tally) => boolean;
  readonly onProgress?: (tally: Tally) => void;
}

/** @throws Error when a process ends by itself: the fault is then in the simulator */
export async function runWorlds(ask: WorldsAsk, options: WorldsOptions): Promise<Tally> {
  const total = emptyTally();
  const stop = new AbortController();
  const share = Math.ceil(ask.runs / ask.processes);
  const children = Array.from({ length: ask.processes }, (_, index) => {
    const runs = Math.min(share, ask.runs - index * share);
    return runs > 0 ? runChild({ ...ask, seed: ask.seed + index * share, runs }, add, stop.signal) : null;
  });

  function add(tally: Tally): void {
    addTally(total, tally);
    options.onProgress?.(total);
    if (options.isEnough(total)) stop.abort();
  }

  await Promise.all(children);
  return total;
}

/**
 * Looks for faults (`site kind`), each in up to `ask.runs` worlds that favour it and until it strikes.
 * @throws Error as {@link runWorlds} does
 */
export async function seekFaults(ask: WorldsAsk, faults: readonly string[]): Promise<Tally> {
  const total = emptyTally();
  const shares = Map.groupBy(faults, (_, index) => index % ask.processes);
  const { signal } = new AbortController();
  const add = (tally: Tally) => addTally(total, tally);
  await Promise.all([...shares.values()].map((sought) => runChild({ ...ask, sought }, add, signal)));
  return total;
}

/** Records live for a few events: with room for many of them, hardly any is moved before it is gone. */
const childOptions = ['--max-semi-space-size=64'];

function runChild(
  ask: WorldsAsk & { readonly sought?: readonly string[] },
  add: (tally: Tally) => void,
  stop: AbortSignal,
): Promise<void> {
  const child = fork(join(import.meta.dirname, 'child.ts'), [JSON.stringify(ask)], {
    execArgv: childOptions,
  });
  stop.addEventListener('abort', () => child.kill(), { once: true });
  return new Promise((resolve, reject) => {
    // Of our own child, by the one message it has.
    child.on('message', (message) => add(message as Tally));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0 || stop.aborted) resolve();
      else reject(new Error(`a simulation process ended with ${code ?? signal}`));
    });
  });
}
