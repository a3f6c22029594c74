import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#aws/system-clock.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createRecordingMetrics } from '#sim/memory/recording-metrics.ts';
import type { LocalFleet } from './fleet.ts';
import { createLocalFleet } from './fleet.ts';

/** A worker that lives until SIGTERM, and says so. */
const willing =
  "process.on('SIGTERM', () => process.exit(0)); process.send('up'); setInterval(() => {}, 1000);";

describe('the local fleet', () => {
  let fleet: LocalFleet | undefined;
  afterEach(() => fleet?.close());

  function setup(script = willing) {
    const metrics = createRecordingMetrics();
    const children: ChildProcess[] = [];
    const waiters: ((child: ChildProcess) => void)[] = [];
    fleet = createLocalFleet({
      clock: systemClock,
      log: createRecordingLog(),
      metrics,
      startWorker: () => {
        const child = spawn(process.execPath, ['-e', script], {
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        });
        children.push(child);
        waiters.shift()?.(child);
        return child;
      },
    });
    const nextChild = () => new Promise<ChildProcess>((resolve) => waiters.push(resolve));
    return { fleet, metrics, children, nextChild };
  }

  it('starts with no worker at all', async () => {
    const { fleet: idle } = setup();

    expect(await idle.status('pool')).toEqual({ desired: 0, running: 0 });
  });

  it('keeps as many workers as were asked for, and stops the rest by SIGTERM', async () => {
    const { fleet: levelled, children } = setup();

    await levelled.setDesired('pool', 2, 0);
    await Promise.all(children.map((child) => once(child, 'message')));
    expect(await levelled.status('pool')).toEqual({ desired: 2, running: 2 });

    const ended = Promise.race(children.map(async (child) => once(child, 'exit')));
    await levelled.setDesired('pool', 1, 2);
    expect(await ended).toEqual([0, null]);
    expect(await levelled.status('pool')).toEqual({ desired: 1, running: 1 });
  });

  it('replaces a worker that was killed, and tells that it did not come up', async () => {
    const { fleet: healing, metrics, children, nextChild } = setup();
    await healing.setDesired('pool', 1, 0);
    const [first] = children;
    const second = nextChild();

    first?.kill('SIGKILL');

    expect((await second).pid).not.toBe(first?.pid);
    expect(metrics.samples()).toEqual(['boots_failed{pool=pool} 1']);
    expect(await healing.status('pool')).toEqual({ desired: 1, running: 1 });
  });

  it('starts nothing any more once it was closed', async () => {
    const { fleet: closing, children } = setup();
    await closing.setDesired('pool', 1, 0);
    await Promise.all(children.map((child) => once(child, 'message')));

    await closing.close();
    await closing.setDesired('pool', 3, 1);

    expect(children).toHaveLength(1);
    expect(closing.processIds('pool')).toEqual([]);
  });
});
