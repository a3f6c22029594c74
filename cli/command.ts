/**
 * A command is data (name, options, examples: `--help` needs nothing else) and one function. Modules of commands
 * import types only from the API, so that `--help` stays quick; `main` loads the client when a command really runs.
 */
import { parseArgs } from 'node:util';
import { usageError } from './cli-error.ts';
import type { Session } from './session.ts';

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** Name of the value in the help, such as FILE. */
  readonly value?: string;
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

export type Values<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends { type: 'boolean' }
    ? boolean
    : T[K] extends { multiple: true }
      ? readonly string[]
      : string | undefined;
};

interface CommandSpec<T extends OptionTable> {
  /** As typed: `jobs list`. */
  readonly name: string;
  readonly summary: string;
  /** Required positional arguments by name, such as ID. */
  readonly takes: readonly string[];
  readonly options: T;
  readonly examples: readonly string[];
  /**
   * Whose key the command shows: a tenant's or the operator's.
   * @default 'tenant'
   */
  readonly access?: Access | ((values: Values<T>) => Access);
  /**
   * Runs also where no credentials are to be found: its calls then throw what was missing.
   * @default false
   */
  readonly canDoWithout?: boolean;
  /** Returns the exit code. */
  run(session: Session, values: Values<T>, positionals: readonly string[]): Promise<number>;
}

export type Access = 'tenant' | 'admin';

export interface Command extends Omit<CommandSpec<OptionTable>, 'run' | 'access' | 'canDoWithout'> {
  /** Reads the rest of the command line; throws a usage error before anything is sent. */
  parse(args: readonly string[]): ParsedCommand;
}

export interface ParsedCommand {
  readonly globals: Values<typeof globalOptions>;
  readonly access: Access;
  readonly canDoWithout: boolean;
  run(session: Session): Promise<number>;
}

export const globalOptions = {
  url: { type: 'string', value: 'URL', help: 'Address of the API (else PILOTLIGHT_URL, else the file)' },
  key: { type: 'string', value: 'KEY', help: 'API key (else PILOTLIGHT_API_KEY, else the file)' },
  tenant: { type: 'string', value: 'NAME', help: 'Tenant to take from the credentials file' },
  timeout: { type: 'string', value: 'SECONDS', help: 'Longest wait for one answer of the API (30)' },
  json: { type: 'boolean', help: 'Print what the API answered, as JSON' },
  help: { type: 'boolean', short: 'h', help: 'Show help' },
  version: { type: 'boolean', help: 'Show the version' },
} as const satisfies OptionTable;

export function defineCommand<T extends OptionTable>(spec: CommandSpec<T>): Command {
  return {
    ...spec,
    parse(args) {
      const { values, positionals } = parseStrictly(args, { ...globalOptions, ...spec.options });
      // parseStrictly filled in every name of both tables, with the types that the tables say.
      const typed = values as Values<T> & Values<typeof globalOptions>;
      const access = typeof spec.access === 'function' ? spec.access(typed) : (spec.access ?? 'tenant');
      if (!typed.help) {
        checkPositionals(spec.takes, positionals);
        if (access === 'admin' && typed.tenant !== undefined && !('tenant' in spec.options)) {
          throw usageError(`--tenant does not go with "${spec.name}", which asks as the operator`);
        }
      }
      return {
        globals: typed,
        access,
        canDoWithout: spec.canDoWithout ?? false,
        run: (session) => spec.run(session, typed, positionals),
      };
    },
  };
}

function parseStrictly(args: readonly string[], options: OptionTable) {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const blank = Object.entries(options).map(([name, { type, multiple }]) => [
      name,
      type === 'boolean' ? false : multiple ? [] : undefined,
    ]);
    return { values: { ...Object.fromEntries(blank), ...values }, positionals };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw usageError(faultOf(error.message));
  }
}

/** Node's words, as one line: its advice about dashes is only of use where a value starts with one. */
function faultOf(message: string): string {
  const [first = message] = message.split(/\.?\n|\. /);
  const said = first.charAt(0).toLowerCase() + first.slice(1).replace(/\.$/, '');
  return message.includes('=-XYZ') ? `${said}; write a value that starts with a dash as --name=-1` : said;
}

function checkPositionals(takes: readonly string[], positionals: readonly string[]): void {
  const missing = takes[positionals.length];
  if (missing !== undefined) throw usageError(`${missing} is missing`);
  const extra = positionals[takes.length];
  if (extra !== undefined) throw usageError(`unexpected argument "${extra}"; put text with spaces in quotes`);
}

/** The value as a whole number; the API knows the range. */
export function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value)) {
    throw usageError(`--${name} takes a whole number, not "${text}"`);
  }
  return value;
}

/** Throws when the value is not one of the choices. */
export function oneOf<C extends string>(
  name: string,
  choices: readonly C[],
  text: string | undefined,
): C | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((each) => each === text);
  if (choice === undefined) throw usageError(`--${name} is one of ${choices.join(', ')}, not "${text}"`);
  return choice;
}

/** `90s`, `30m`, `24h` or `7d` as seconds; a bare number is seconds too. */
export function durationSeconds(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  const seconds = { s: 1, m: 60, h: 3_600, d: 86_400 }[unit];
  if (digits === undefined || seconds === undefined) {
    throw usageError(`--${name} takes a duration such as 90s, 30m, 24h or 7d, not "${text}"`);
  }
  return Number(digits) * seconds;
}

/** `a=b` pairs; the value may hold further equal signs. */
export function pairs(name: string, texts: readonly string[]): Record<string, string> {
  const entries = texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw usageError(`--${name} takes KEY=VALUE, not "${text}"`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}
