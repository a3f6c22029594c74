import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { hostKinds, openHost } from './host-under-test.ts';

/** Prints the number of a child that lives for a minute and holds its output, and ends without it. */
const leaveChild = (isApart: boolean) => `
  const { spawn } = require('node:child_process');
  const child = spawn('sleep', ['60'], { detached: ${isApart}, stdio: ['ignore', 'inherit', 'inherit'] });
  process.stdout.write(child.pid + '\\n', () => process.exit(3));`;

describe.each(hostKinds)('a runner of a %s host', (kind) => {
  async function startOneThatLeaves({ isApart }: { readonly isApart: boolean }) {
    const scratchRoot = await mkdtemp(join(tmpdir(), 'pl-'));
    onTestFinished(() => rm(scratchRoot, { recursive: true, force: true }));
    // Without the permissions of a runner in Node, which let it start nothing: so does code in one of Python.
    const command = ['env', 'NODE_OPTIONS=', process.execPath, '-e', leaveChild(isApart), '--'];
    const options = { log: createRecordingLog(), modelsDir: scratchRoot, scratchRoot, command };
    const host = await openHost(kind, options);
    const printed = Promise.withResolvers<number>();
    const onOutput = ({ text }: { readonly text: string }) => printed.resolve(Number(text));
    const runner = await host.start({ engine: 'fake', modelsDir: scratchRoot, onOutput });
    const childPid = await printed.promise;
    onTestFinished(() => {
      if (isAlive(childPid)) process.kill(childPid, 'SIGKILL');
    });
    return { runner, childPid };
  }

  it('has ended when its process has, though a child in a session of its own holds on to its output', async () => {
    const { runner, childPid } = await startOneThatLeaves({ isApart: true });

    expect(await runner.end).toEqual({ exitCode: 3, signal: null });

    runner.kill();
    expect(isAlive(childPid)).toBe(true);
    expect(await runner.residentMb()).toBeNull();
  });

  it('takes along the children that it leaves in its group', async () => {
    const { runner, childPid } = await startOneThatLeaves({ isApart: false });

    expect(await runner.end).toEqual({ exitCode: 3, signal: null });

    expect(isAlive(childPid)).toBe(false);
  });
});

/** One that has ended and waits to be buried, by whoever took it over, is not. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout !== '' && !stdout.startsWith('Z');
}
