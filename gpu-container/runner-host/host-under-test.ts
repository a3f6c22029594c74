/** Runner hosts of either kind for tests of what uses them: in this process, and a real program behind its socket. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import type { Log } from '#core/ports/process.ts';
import { createLocalHost } from './local-host.ts';
import { createRemoteHost, type RemoteHostOptions } from './remote-host.ts';
import type { RunnerHost } from './runner-host.ts';

export const hostKinds = ['local', 'remote'] as const;
export type HostKind = (typeof hostKinds)[number];

export interface HostUnderTestOptions {
  readonly log: Log;
  readonly modelsDir: string;
  readonly scratchRoot: string;
  /**
   * What every engine is, instead of what it is.
   * @default that of `runnerCommand`, and for a remote host the program that the image has
   */
  readonly command?: readonly string[] | undefined;
}

/** One that ends with the test. */
export async function openHost(kind: HostKind, options: HostUnderTestOptions): Promise<RunnerHost> {
  const { command, scratchRoot } = options;
  if (kind === 'remote') return (await startHostProgram(options)).connect();
  const host = createLocalHost({
    ...(command === undefined ? {} : { commandOf: () => command }),
    device: 'cpu',
    scratchRoot,
  });
  onTestFinished(() => host.close());
  return host;
}

/**
 * The program of the other container, and as many workers' ends of it as a test wants. Ends with the test.
 * @param walls words before the program: what makes it a container
 */
export async function startHostProgram(
  { log, modelsDir, scratchRoot, command }: HostUnderTestOptions,
  walls: readonly string[] = [],
) {
  const folder = await mkdtemp(join(tmpdir(), 'pl-host-'));
  const socketPath = join(folder, 'host.sock');
  const program = command === undefined ? 'main.ts' : 'any-command-under-test.ts';
  const run = () => {
    const [first = process.execPath, ...words] = [
      ...walls,
      process.execPath,
      join(import.meta.dirname, program),
    ];
    const child = spawn(first, [...words, ...(command === undefined ? [] : [JSON.stringify(command)])], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        PILOTLIGHT_MODELS_DIR: modelsDir,
        PILOTLIGHT_RUNNER_HOST: socketPath,
        PILOTLIGHT_RUNNER_SCRATCH: scratchRoot,
      },
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    const ended = once(child, 'close').then(([code]) => code);
    return { child, ended, said: () => said };
  };
  let running = run();
  onTestFinished(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
    await rm(folder, { recursive: true, force: true });
  });
  return {
    socketPath,
    process: () => running,
    /** After its end, as an orchestrator would. */
    restart() {
      running = run();
    },
    connect(times: Partial<RemoteHostOptions> = {}): RunnerHost {
      const host = createRemoteHost({ socketPath, scratchRoot, clock: systemClock, log, ...times });
      onTestFinished(() => host.close());
      return host;
    },
  };
}
