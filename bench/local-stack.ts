/** The local stack as a user starts it: a process of its own that can be killed and started again. */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const root = dirname(import.meta.dirname);
/** A start takes seconds; this long means that it failed. */
const startMsMax = 60_000;

export interface LocalStack {
  readonly url: string;
  readonly key: string;
  /** The operator's. */
  readonly adminKey: string;
  readonly process: ChildProcess;
  /** Process ids of the workers, not of their runners. */
  workerIds(): number[];
  /** Process ids of the runners of all workers. */
  runnerIds(): number[];
  /** Resolves to the first line on standard output that matches; counts from the start of the process. */
  line(pattern: RegExp): Promise<string>;
  /** SIGTERM, and waits until it is gone. */
  stop(): Promise<void>;
  /** SIGKILL to the platform process; its workers find out by themselves. */
  kill(): Promise<void>;
}

/** How the process is started, where it matters. */
export interface StackProcess {
  /** Of Node itself, before the script. */
  readonly nodeArgs?: readonly string[];
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The stack ended before it served: with its exit code and what it said on standard error. */
export class StackNotStarted extends Error {
  readonly exitCode: number | null;

  constructor(exitCode: number | null, said: string) {
    super(said);
    this.name = 'StackNotStarted';
    this.exitCode = exitCode;
  }
}

/** Throws {@link StackNotStarted} when the process ends instead of serving. */
export async function startLocalStack(
  dataDir: string,
  args: readonly string[] = [],
  { nodeArgs = [], env = {} }: StackProcess = {},
): Promise<LocalStack> {
  const child = spawn(
    process.execPath,
    [...nodeArgs, join(root, 'local', 'main.ts'), '--port', '0', '--data', dataDir, ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  );
  const exited = once(child, 'exit');
  const line = lineReader(child);
  const served = await line(/serves at (\S+)/);
  const url = /serves at (\S+)/.exec(served)?.[1] ?? '';
  const credentials = JSON.parse(await readFile(join(dataDir, 'credentials.json'), 'utf8'));
  return {
    url,
    key: credentials.tenants.demo.key,
    adminKey: credentials.admin_key,
    process: child,
    workerIds: () => childrenOf(child.pid),
    runnerIds: () => childrenOf(child.pid).flatMap(childrenOf),
    line,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Lines are kept, so that asking for one that was printed already finds it. */
function lineReader(child: ChildProcess): LocalStack['line'] {
  const lines: string[] = [];
  const errors: string[] = [];
  const waiting = new Set<() => void>();
  let isClosed = false;
  const wake = () => {
    for (const look of waiting) look();
  };
  if (child.stdout === null || child.stderr === null) throw new Error('the stack has no output');
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(text);
    wake();
  });
  createInterface({ input: child.stderr }).on('line', (text) => errors.push(text));
  // After its last words, which `exit` may come before.
  child.once('close', () => {
    isClosed = true;
    wake();
  });

  return (pattern) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new Error(`no line ${pattern} in time`)), startMsMax);
      const end = (outcome: string | Error) => {
        clearTimeout(timer);
        waiting.delete(look);
        if (typeof outcome === 'string') resolve(outcome);
        else reject(outcome);
      };
      const look = () => {
        const found = lines.find((text) => pattern.test(text));
        if (found !== undefined) end(found);
        else if (isClosed) end(new StackNotStarted(child.exitCode, errors.join('\n')));
      };
      waiting.add(look);
      look();
    });
}

function childrenOf(pid: number | undefined): number[] {
  try {
    // Without starting a process where the kernel tells; a process is the child of the thread that started it.
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return pgrepChildren(pid);
  }
}

function pgrepChildren(pid: number | undefined): number[] {
  try {
    const output = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    return output.split('\n').filter(Boolean).map(Number);
  } catch {
    // pgrep ends with 1 when there is none.
    return [];
  }
}
