/** How a command ends when it does not end well, and what its exit code means. */

export const exitCodes = {
  ok: 0,
  jobEnded: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  fault: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What `--help` says of each code, in order. */
export const exitCodeTexts: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.ok, 'done'],
  [exitCodes.jobEnded, 'the job failed, was canceled or expired; the doctor found something'],
  [exitCodes.usage, 'the command line, the credentials or a local file is at fault'],
  [exitCodes.refused, 'the API, or AWS, refused the request (4xx)'],
  [exitCodes.unreachable, 'the API, or AWS, cannot be reached or failed (5xx)'],
  [exitCodes.fault, 'a fault of this program'],
  [exitCodes.interrupted, 'interrupted (Ctrl-C)'],
];

export interface CliErrorDetail {
  readonly path: string;
  readonly message: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

interface CliErrorOptions {
  readonly exitCode: ExitCode;
  /** A row of the API's error table, or a word of this program's own. */
  readonly code: string;
  readonly requestId?: string;
  readonly details?: readonly CliErrorDetail[];
  /** The API's error body as it came, for `--json`. */
  readonly body?: unknown;
  readonly cause?: unknown;
}

/** Thrown where a command cannot go on; `main` prints it and exits with `exitCode`. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly requestId: string | null;
  readonly details: readonly CliErrorDetail[];
  readonly #body: unknown;

  constructor(message: string, options: CliErrorOptions) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = options.exitCode;
    this.code = options.code;
    this.requestId = options.requestId ?? null;
    this.details = options.details ?? [];
    this.#body = options.body;
  }

  /** The API's body where there is one, else the same shape. */
  get body(): unknown {
    return this.#body ?? { error: { code: this.code, message: this.message, request_id: this.requestId } };
  }

  /** For a person: the message, every detail on a line of its own, and what support will ask for. */
  describe(): string {
    const lines = [this.message];
    for (const { path, message, line, column } of this.details) {
      const where =
        line === undefined ? '' : ` (line ${line}${column === undefined ? '' : `, column ${column}`})`;
      if (!this.message.includes(message)) lines.push(`  ${path}: ${message}${where}`);
    }
    if (this.requestId !== null) lines.push(`  (${this.code}, request ${this.requestId})`);
    return lines.join('\n');
  }
}

export function usageError(message: string): CliError {
  return new CliError(message, { exitCode: exitCodes.usage, code: 'usage' });
}

export function interruptedError(): CliError {
  return new CliError('interrupted', { exitCode: exitCodes.interrupted, code: 'interrupted' });
}
