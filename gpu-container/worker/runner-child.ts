/**
 * The operating system's side of a runner: the process, its environment, its output and its socket. The process gets
 * a session of its own (a Ctrl-C in the terminal is for the worker to handle) and an environment without anything
 * secret.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock, Log } from '#core/ports.ts';

export interface RunnerCommand {
  /** Program and arguments; `--socket PATH` and `--models DIR` are added. */
  readonly command: readonly string[];
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
  readonly log: Log;
}

/** Linux takes 107 bytes, macOS 103. */
const socketPathBytesMax = 103;

const connectRetryMs = 5;

const outputCharactersMax = 2000;

/** Everything else stays with the worker: the runner executes models, and must not be able to read a store. */
const passedVariables = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'LD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'NVIDIA_DRIVER_CAPABILITIES',
];

/**
 * ONNX Runtime keeps a note of its machine in the home folder and reports to its makers, unless it is told not to; the
 * second name is what other libraries listen to.
 */
const quiet = { ORT_DISABLE_TELEMETRY: '1', DO_NOT_TRACK: '1' };

/** Starts the program in a session of its own. Its output becomes log lines, never part of the conversation. */
export function spawnRunner(options: RunnerCommand, scratchDir: string): ChildProcess {
  const socketPath = socketPathOf(scratchDir);
  if (Buffer.byteLength(socketPath) > socketPathBytesMax) {
    throw new Error(`the scratch folder ${scratchDir} is too long a name for a unix socket`);
  }
  const [program, ...rest] = options.command;
  if (program === undefined) throw new Error('the runner command is empty');
  const env: NodeJS.ProcessEnv = { ...quiet, TMPDIR: scratchDir };
  for (const name of passedVariables) if (process.env[name] !== undefined) env[name] = process.env[name];
  const written = [scratchDir];
  if (process.env.NODE_COMPILE_CACHE !== undefined) {
    // Halves the start of a Node runner. Not the folder of the worker, which would run what a runner left there.
    env.NODE_COMPILE_CACHE = join(process.env.NODE_COMPILE_CACHE, 'runners');
    mkdirSync(env.NODE_COMPILE_CACHE, { recursive: true });
    written.push(env.NODE_COMPILE_CACHE);
  }
  env.NODE_OPTIONS = nodeOptions(written);
  const cap = options.memoryMaxMb === undefined ? [] : ['--memory-max-mb', String(options.memoryMaxMb)];
  const child = spawn(program, [...rest, '--socket', socketPath, '--models', options.modelsDir, ...cap], {
    cwd: scratchDir,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  captureOutput(child, options.log);
  child.once('close', (code, signal) => {
    options.log.info('runner.ended', { pid: child.pid ?? null, exitCode: code, signal });
  });
  return child;
}

/**
 * Of an engine in Node: it reads, writes below these folders alone, and starts no programs. Native libraries in it are not
 * held by that; the engine of Python, which runs what others trained, has the kernel hold it (`runtime/.../disk.py`).
 */
function nodeOptions(written: readonly string[]): string {
  const folders = written.map((folder) => `"--allow-fs-write=${folder.replaceAll(/["\\]/g, '\\$&')}"`);
  // What they warn of at each start is said above.
  const quietened = ['PERM0001', 'PERM0006'].map((code) => `--disable-warning=${code}`);
  const allowed = ['--permission', '--allow-fs-read=*', '--allow-addons', '--allow-worker'];
  return [process.env.NODE_OPTIONS ?? '', ...allowed, ...folders, ...quietened].join(' ').trim();
}

function captureOutput(child: ChildProcess, log: Log): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream];
    if (input === null) continue;
    createInterface({ input }).on('line', (line) => {
      log.info('runner.output', { pid: child.pid ?? null, stream, text: line.slice(0, outputCharactersMax) });
    });
  }
}

/** The process id once the process runs; throws when the program cannot be started. */
export function pidOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error('the runner has no process id'));
      else resolve(child.pid);
    });
  });
}

/**
 * Connects as soon as the runner listens; it creates its socket when it is up, so early tries find nothing. Throws
 * when it exits first, or at `untilMs`.
 */
export async function connect(
  path: string,
  clock: Clock,
  untilMs: number,
  ended: AbortSignal,
): Promise<Socket> {
  while (!ended.aborted) {
    const socket = await tryConnect(path);
    if (socket !== null) return socket;
    if (clock.nowMs() >= untilMs) throw new Error('the runner did not open its socket in time');
    await clock.sleep(connectRetryMs, ended);
  }
  throw new Error('the runner exited before it opened its socket');
}

function tryConnect(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (err: NodeJS.ErrnoException) => {
      // Not there yet, or bound and not listening yet.
      if (err.code === 'ENOENT' || err.code === 'ECONNREFUSED') resolve(null);
      else reject(err);
    });
  });
}

/** Ends a process of {@link spawnRunner} with all its children. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (err) {
    // Gone already, with all its children.
    if (!(err instanceof Error && 'code' in err && err.code === 'ESRCH')) throw err;
  }
}

/** Where the runner of a scratch folder listens. */
export function socketPathOf(scratchDir: string): string {
  return join(scratchDir, 'runner.sock');
}
