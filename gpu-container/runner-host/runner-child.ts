/**
 * The operating system's side of a runner: the process, its environment and its output. The process gets a session of
 * its own (a Ctrl-C in the terminal is for the worker to handle) and an environment without anything secret.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readLines } from './output-lines.ts';
import type { OutputLine, RunnerEnd, RunnerStart } from './runner-host.ts';

export interface RunnerCommand extends Pick<RunnerStart, 'modelsDir' | 'memoryMaxMb'> {
  /** Program and arguments; `--socket PATH` and `--models DIR` are added. */
  readonly command: readonly string[];
  readonly onOutput: (line: Omit<OutputLine, 'pid'>) => void;
}

/** Linux takes 107 bytes, macOS 103. */
const socketPathBytesMax = 103;

const outputCharactersMax = 2000;

/**
 * What an ended process printed is read within moments. After this long its output is still open because a child of it lives
 * on in a session of its own, and whoever waits for the end must not wait for that one.
 */
const outputReadMs = 2000;

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
  // ECS holds a container to its part of a shared card by the first two alone (API reference, NvidiaMpsAllocation).
  'CUDA_MPS_PINNED_DEVICE_MEM_LIMIT',
  'CUDA_MPS_ACTIVE_THREAD_PERCENTAGE',
  'CUDA_MPS_PIPE_DIRECTORY',
];

/**
 * ONNX Runtime keeps a note of its machine in the home folder and reports to its makers, unless it is told not to; the
 * second name is what other libraries listen to.
 */
const quiet = { ORT_DISABLE_TELEMETRY: '1', DO_NOT_TRACK: '1' };

/** Starts the program in a session of its own. What it prints is for a log, never part of the conversation. */
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
  captureOutput(child, options.onOutput);
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

function captureOutput(child: ChildProcess, onOutput: RunnerCommand['onOutput']): void {
  for (const stream of ['stdout', 'stderr'] as const) {
    const input = child[stream];
    if (input !== null) readLines(input, outputCharactersMax, (text) => onOutput({ stream, text }));
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
 * How a process of {@link spawnRunner} ended, told once what it printed is read; its children end with it. Aborts `gone` as soon
 * as the process is: from then on its number, and that of its group, may be another's.
 */
export function endOf(child: ChildProcess, gone: AbortController): Promise<RunnerEnd> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      if (child.pid !== undefined) killGroup(child.pid);
      gone.abort();
      const late = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, outputReadMs);
      child.once('close', () => {
        clearTimeout(late);
        resolve({ exitCode, signal });
      });
    });
  });
}

/** Ends a process of {@link spawnRunner} with its children, but for those that made a session of their own. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (err) {
    // Gone already, with its children; of a group that only waits to be buried macOS says EPERM.
    if (!(err instanceof Error && 'code' in err && (err.code === 'ESRCH' || err.code === 'EPERM'))) throw err;
  }
}

/** Where the runner of a scratch folder listens. */
export function socketPathOf(scratchDir: string): string {
  return join(scratchDir, 'runner.sock');
}
