/** The local stack as a user starts it: a process of its own that can be killed and started again. */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const root = dirname(import.meta.dirname);
/** A start takes seconds; this long means that it failed. */
const startMsMax = 60_000;

export interface LocalStack {
  readonly url: string;
  readonly key: string;
  readonly process: ChildProcess;
  /** Process ids of the workers, not of their runners. */
  workerIds(): number[];
  /** Resolves to the first line on standard output that matches; counts from the start of the process. */
  line(pattern: RegExp): Promise<string>;
  /** SIGTERM, and waits until it is gone. */
  stop(): Promise<void>;
  /** SIGKILL to the platform process; its workers find out by themselves. */
  kill(): Promise<void>;
}

export async function startLocalStack(dataDir: string, args: readonly string[] = []): Promise<LocalStack> {
  const child = spawn(
    process.execPath,
    [join(root, 'local', 'main.ts'), '--port', '0', '--data', dataDir, ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const exited = once(child, 'exit');
  const line = lineReader(child);
  const served = await line(/serves at (\S+)/);
  const url = /serves at (\S+)/.exec(served)?.[1] ?? '';
  const credentials = JSON.parse(await readFile(join(dataDir, 'credentials.json'), 'utf8'));
  return {
    url,
    key: credentials.tenants.demo.key,
    process: child,
    workerIds: () => childrenOf(child.pid),
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
  const wake = () => {
    for (const look of waiting) look();
  };
  if (child.stdout === null || child.stderr === null) throw new Error('the stack has no output');
  createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(text);
    wake();
  });
  createInterface({ input: child.stderr }).on('line', (text) => errors.push(text));
  child.once('exit', wake);

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
        else if (child.exitCode !== null) end(new Error(`the stack ended: ${errors.join('\n')}`));
      };
      waiting.add(look);
      look();
    });
}

function childrenOf(pid: number | undefined): number[] {
  try {
    const output = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    return output.split('\n').filter(Boolean).map(Number);
  } catch {
    // pgrep ends with 1 when there is none.
    return [];
  }
}
