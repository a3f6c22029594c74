/** What every fault on real processes works with: the stack that runs now, a seeded chance, and where it counts. */
import type { LocalStack } from '../local-stack.ts';

/** `kill -9`, SIGSTOP, no room on the disk, damaged store files, a clock that jumps. */
export const faultKinds = ['kill', 'stop', 'disk', 'corrupt', 'clock'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Scene {
  readonly dataDir: string;
  readonly random: () => number;
  /** The stack that serves now; clients look it up for every request. */
  readonly stack: LocalStack;
  /** SIGKILL to the platform, and a start as soon as its process is gone. */
  restart(): Promise<void>;
  /** SIGKILL to the platform; nothing is started. */
  kill(): Promise<void>;
  /** Starts after {@link kill}. Throws `StackNotStarted` when the stack refuses to. */
  start(): Promise<void>;
  /** Takes note of one more of them. */
  count(name: string): void;
  /** A promise that a fault itself saw broken. */
  broken(what: string): void;
  /** Sends one submission, without a retry. */
  probe(): Promise<ProbeAnswer>;
  /** Runs beside the faults that follow; awaited before the run is judged. */
  beside(work: Promise<void>): void;
  /** Aborts when the run is cut short: whatever waits goes on. */
  readonly ending: AbortSignal;
}

export interface ProbeAnswer {
  /** 0 for no answer at all. */
  readonly status: number;
  readonly code: string;
}
