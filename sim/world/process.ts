/** A simulated process: an API function, a worker, the sweep, the scaler, who closes a month, who works at batches, or who answers dead letters. It has a role, a clock, and an end. */
import type { Clock } from '#core/ports/process.ts';
import type { Life, Loop } from './loop.ts';
import { inRequest } from './requests.ts';

export const roles = [
  'api',
  'worker',
  'sweep',
  'scaler',
  'closer',
  'deliverer',
  'batcher',
  'dead_letters',
] as const;

export type Role = (typeof roles)[number];

/** Holds are from a hiccup to well past lease and visibility. */
export const holdMsMax = 100_000;

export interface Process extends Life {
  readonly name: string;
  readonly role: Role;
  readonly clock: Clock;
  /** Nothing of it runs for `ms`: as after SIGSTOP, or on a machine that swaps. Time goes on meanwhile. */
  hold(ms: number): void;
  /** Ends it at once: nothing of it runs any further. */
  kill(): void;
  /** Runs a request in the process. `crashed`: the process died first, and nobody knows how far it came. */
  serve<T>(work: () => Promise<T>): Promise<Served<T>>;
  /** Some request has begun in it that may still do something. */
  isServing(): boolean;
}

export type Served<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'crashed' };

export function createProcess(loop: Loop, name: string, role: Role, skewMs: number): Process {
  let isDead = false;
  const onDeath = new Set<() => void>();
  let heldUntilMs = 0;
  let serving = 0;
  const life = { skewMs, isDead: () => isDead, heldUntilMs: () => heldUntilMs };

  return {
    name,
    role,
    clock: loop.clockFor(life),
    isDead: life.isDead,
    heldUntilMs: life.heldUntilMs,
    hold(ms) {
      heldUntilMs = loop.clock.nowMs() + ms;
    },
    kill() {
      isDead = true;
      for (const tell of onDeath) tell();
      onDeath.clear();
    },
    serve<T>(work: () => Promise<T>): Promise<Served<T>> {
      if (isDead) return Promise.resolve({ kind: 'crashed' });
      return new Promise((resolve) => {
        const tell = () => resolve({ kind: 'crashed' });
        onDeath.add(tell);
        serving += 1;
        const finish = (served: Served<T>) => {
          serving -= 1;
          onDeath.delete(tell);
          if (!isDead) resolve(served);
        };
        inRequest(work).then(
          (value) => finish({ kind: 'answered', value }),
          (error: unknown) => finish({ kind: 'threw', error }),
        );
      });
    },
    isServing: () => serving > 0 && !isDead,
  };
}
