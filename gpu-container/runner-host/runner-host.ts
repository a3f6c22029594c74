/**
 * What starts the processes of runners and tells of their end. `local-host.ts` has them as children of this process;
 * `remote-host.ts` asks a program in another container, where the card is, to do the same. What a runner is asked to run
 * does not pass here: a worker talks to it by its own socket.
 */
import type { Manifest } from '#core/models/manifest.ts';

/** What a worker may ask to be started: an engine, never a program. */
export type EngineName = Manifest['engine'];

export interface RunnerStart {
  readonly engine: EngineName;
  /** Absolute path of the folder that holds one folder for each model. */
  readonly modelsDir: string;
  /**
   * Hard cap of the process in units of 10^6 bytes, passed on as `--memory-max-mb`.
   *
   * A runner on a CPU refuses work as `OOM` while its resident set is above it, and the worker kills it when it grows
   * past it. A runner on a GPU turns it into its share of the card by `set_per_process_memory_fraction` before it loads
   * anything. That holds the allocator alone; contexts and workspaces are held where the card runs under MPS with a
   * pinned memory limit (`CUDA_MPS_PINNED_DEVICE_MEM_LIMIT`).
   * @default none
   */
  readonly memoryMaxMb?: number | undefined;
  /** Takes what the process prints, line by line, cut to `outputCharactersMax`. */
  readonly onOutput: (line: OutputLine) => void;
}

export interface OutputLine {
  readonly pid: number;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** How a process ended; both null when its host is gone, and nobody knows. */
export interface RunnerEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export interface HostedRunner {
  /** As its host counts. */
  readonly pid: number;
  /** Its own, below the host's scratch root, with its socket in it; whoever asked for the runner removes it after `end`. */
  readonly scratchDir: string;
  /** Aborts when the process is gone, or its host is. */
  readonly exited: AbortSignal;
  /** Resolves just before `exited` aborts. Never rejects. */
  readonly end: Promise<RunnerEnd>;
  /** Ends the process and its children at once, but for those that made a session of their own. */
  kill(): void;
  /** Resident set in units of 10^6 bytes; null when the process is gone. */
  residentMb(): Promise<number | null>;
}

/** What a card does at a moment; undefined for what its driver keeps to itself, as it does of a card that is shared. */
export interface CardReading {
  readonly busyPercent: number | undefined;
  readonly memoryBytes: number | undefined;
}

export interface RunnerHost {
  /** Resolves once the process runs. Throws, with nothing left behind, when it cannot be started. */
  start(ask: RunnerStart): Promise<HostedRunner>;
  /** Null where runners have no card. Throws when its driver does not answer. */
  readCard(): Promise<CardReading | null>;
  /** Ends every runner that is left. */
  close(): void;
}
