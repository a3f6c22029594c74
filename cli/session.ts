/** What a command works with: the API, the terminal, and the wish of its user to stop. */
import type { Client } from './client.ts';
import type { Progress } from './progress.ts';

export interface Io {
  /** Results. */
  out(text: string): void;
  /** Everything else: progress, warnings, errors. */
  err(text: string): void;
  /** stderr is a terminal that takes escape codes. */
  readonly isLive: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborts at the first Ctrl-C. */
  readonly interrupted: AbortSignal;
}

export interface Session {
  readonly client: Client;
  readonly json: boolean;
  /** Somebody watches stderr. */
  readonly isLive: boolean;
  readonly cwd: string;
  readonly interrupted: AbortSignal;
  /** A line of results. */
  print(line: string): void;
  /** A line for people, kept out of the results. */
  note(line: string): void;
  /** What the API answered, as one document; `oneLine` for streams of them. */
  printJson(body: unknown, how?: { oneLine: boolean }): void;
  nowMs(): number;
  startProgress(): Progress;
  /** Resolves early at Ctrl-C. */
  sleep(ms: number): Promise<void>;
}
