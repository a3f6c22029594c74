/** Processes that benchmarks start to compare with. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const startLooksMax = 600;
const stopMs = 10_000;

/** Resolves once a GET of the URL succeeds. Throws when it does not within a minute. */
export async function waitFor(url: string): Promise<void> {
  await until(
    () =>
      fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ),
    url,
  );
}

export async function until(isUp: () => Promise<boolean>, what: string): Promise<void> {
  for (let looks = 0; looks < startLooksMax; looks += 1) {
    if (await isUp()) return;
    await delay(100);
  }
  throw new Error(`${what} did not come up`);
}

/** A port of this machine that nobody listened on a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/**
 * Ends a process that was spawned `detached`, and those that it started: it is asked to end them itself, killed where it
 * does not within ten seconds, and whatever is left of its group is killed then.
 */
export async function stopGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await Promise.race([ended, delay(stopMs, undefined, { ref: false })]);
  }
  await stop(child);
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Kills the process, and waits until it is gone. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
