/** Finds the command, gives it a session, and turns its end into an exit code. The one place that does. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CliError, exitCodes, interruptedError, usageError } from './cli-error.ts';
import type { Client } from './client.ts';
import type { Command, ParsedCommand } from './command.ts';
import { globalOptions } from './command.ts';
import type { CommandEntry } from './command-table.ts';
import { commandTable } from './command-table.ts';
import { commandHelp, programHelp } from './help.ts';
import { createProgress } from './progress.ts';
import type { Io, Session } from './session.ts';

const timeoutSecondsDefault = 30;

/** Returns the exit code; never throws for what a user or the API can do. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    const shown = io.interrupted.aborted ? interruptedError() : error;
    if (args.includes('--json')) io.out(`${JSON.stringify(asCliError(shown).body, null, 2)}\n`);
    io.err(`pilotlight: ${asCliError(shown).describe()}\n`);
    return asCliError(shown).exitCode;
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const { words, rest } = splitCommand(args);
  const entry = commandTable.find(({ name }) => name === words.join(' '));
  if (entry === undefined) return withoutCommand(words, args, io);

  const { command } = await entry.load();
  const parsed = parseFor(command, rest);
  if (parsed.globals.help) return printed(io, commandHelp(command));
  if (parsed.globals.version) return printed(io, readVersion());
  return parsed.run(await openSession(parsed, io));
}

function withoutCommand(words: readonly string[], args: readonly string[], io: Io): number {
  const group = commandTable.filter(({ name }) => words.length > 0 && name.startsWith(`${words[0]} `));
  const known: readonly CommandEntry[] = group.length > 0 ? group : commandTable;
  const wantsHelp = args.some((arg) => arg === '--help' || arg === '-h');
  if (wantsHelp && (words.length === 0 || (group.length > 0 && words.length === 1))) {
    return printed(io, programHelp(known));
  }
  if (args.includes('--version') && words.length === 0) return printed(io, readVersion());
  const names = known.map(({ name }) => name).join(', ');
  const isKnownGroup = group.length > 0 && words.length === 1;
  const said =
    words.length === 0 || isKnownGroup ? 'a command is missing' : `unknown command "${words.join(' ')}"`;
  throw usageError(`${said}; one of: ${names} (see pilotlight --help)`);
}

/** The one or two words that name the command, wherever global options stand, and all that is left. */
export function splitCommand(args: readonly string[]): { words: string[]; rest: string[] } {
  const { tokens } = parseArgs({
    args: [...args],
    options: globalOptions,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positions = tokens.flatMap((token) => (token.kind === 'positional' ? [token.index] : []));
  const [first = -1, second = -1] = positions;
  const isGroup = commandTable.some(({ name }) => name.startsWith(`${args[first]} `));
  const taken = new Set(isGroup ? [first, second] : [first]);
  return {
    words: args.filter((_, index) => taken.has(index)),
    rest: args.filter((_, index) => !taken.has(index)),
  };
}

function parseFor(command: Command, rest: readonly string[]): ParsedCommand {
  try {
    return command.parse(rest);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    throw usageError(`${error.message} (see pilotlight ${command.name} --help)`);
  }
}

/** zod and the table of routes are loaded here and not before: half of the time of a `--help`. */
async function openSession(parsed: ParsedCommand, io: Io): Promise<Session> {
  const { globals } = parsed;
  const { interrupted } = io;
  return {
    client: await openClient(parsed, io),
    json: globals.json,
    isLive: io.isLive,
    cwd: io.cwd,
    interrupted,
    print: (line) => io.out(`${line}\n`),
    note: (line) => io.err(`${line}\n`),
    printJson: (body, how) => io.out(`${JSON.stringify(body, null, how?.oneLine ? undefined : 2)}\n`),
    sleep: (ms) => sleepUntil(ms, interrupted),
    nowMs: Date.now,
    startProgress: () => createProgress({ isLive: io.isLive, write: io.err, nowMs: Date.now }),
  };
}

async function openClient({ globals, access, canDoWithout }: ParsedCommand, io: Io): Promise<Client> {
  const timeoutMs = timeoutMsOf(globals.timeout);
  const { resolveCredentials } = await import('./credentials.ts');
  try {
    const { url, key } = resolveCredentials({ ...globals, access, env: io.env, cwd: io.cwd });
    const { createClient } = await import('./client.ts');
    return createClient({
      url,
      key,
      timeoutMs,
      interrupted: io.interrupted,
      version: readVersion(),
      random: Math.random,
      sleep: sleepUntil,
    });
  } catch (error) {
    if (!canDoWithout || !(error instanceof CliError) || error.code !== 'credentials_missing') throw error;
    const refuse = () => Promise.reject(error);
    return { call: refuse, download: refuse, upload: refuse };
  }
}

function timeoutMsOf(text: string | undefined): number {
  if (text === undefined) return timeoutSecondsDefault * 1_000;
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return Math.ceil(seconds * 1_000);
  throw usageError(`--timeout takes seconds, not "${text}"`);
}

/** Resolves early when the signal aborts. */
async function sleepUntil(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleepFor(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function printed(io: Io, text: string): number {
  io.out(`${text}\n`);
  return exitCodes.ok;
}

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return String(manifest.version);
}

/** Anything that is not a CliError is a fault of this program; its stack is what a report needs. */
function asCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CliError(`a fault of this program: ${text}`, {
    exitCode: exitCodes.fault,
    code: 'fault',
    cause: error,
  });
}

/** Ctrl-C pressed once can arrive twice, from the terminal and from the process that started this one. */
const samePressMs = 300;

/** Runs the command line of this process. */
export async function start(): Promise<void> {
  const interrupt = new AbortController();
  let pressedAtMs = Number.NEGATIVE_INFINITY;
  process.on('SIGINT', () => {
    const nowMs = Date.now();
    if (nowMs - pressedAtMs < samePressMs) return;
    if (interrupt.signal.aborted) process.exit(exitCodes.interrupted);
    pressedAtMs = nowMs;
    interrupt.abort();
  });
  // A reader that closed the pipe (`| head`) has all it wants.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.fault);
  });
  process.exitCode = await main(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    isLive: process.stderr.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb',
    env: process.env,
    cwd: process.cwd(),
    interrupted: interrupt.signal,
  });
}
