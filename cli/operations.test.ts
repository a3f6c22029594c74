/** The operator's commands of pools, fleet, refunds and ledger, as a person types them. */
import { afterEach, describe, expect, it } from 'vitest';
import { workerLimits } from '#core/limits.ts';
import { usdMicrosOf } from './commands/jobs-refund.ts';
import type { OperatorShell } from './operator-shell.ts';
import { openOperatorShell } from './operator-shell.ts';

let shell: OperatorShell | undefined;
afterEach(async () => {
  await shell?.close();
  shell = undefined;
});

async function openShell(): Promise<OperatorShell> {
  shell = await openOperatorShell();
  return shell;
}

describe('pools', () => {
  it('are listed with what waits in them', async () => {
    const { scene, run } = await openShell();
    await scene.submit();

    const { code, stdout } = await run('pools', 'list');

    expect(code).toBe(0);
    expect(stdout).toMatch(/^POOL +STATE +WAITING +RUNNING +WORKERS +MODELS$/m);
    expect(stdout).toMatch(/^fake +waking +1 +0 +- +fake-image,fake-image-v2,fake-image-int4$/m);
  });

  it('are paused, drained, shown and resumed', async () => {
    const { run, json } = await openShell();

    expect((await run('pools', 'pause', 'fake')).stdout).toMatch(/^paused +since 2030-03-17 17:46:40Z$/m);
    await run('pools', 'drain', 'fake');
    expect((await run('pools', 'list')).stdout).toMatch(/^fake +paused, draining \(cold\) /m);
    expect(await json('pools', 'show', 'fake')).toMatchObject({ id: 'fake', state: 'cold' });
    const { stdout } = await run('pools', 'resume', 'fake');

    expect(stdout).not.toMatch(/^paused/m);
    expect(stdout).toMatch(/^draining +since /m);
  });

  it('are prewarmed within the upper bound, and the rest is said', async () => {
    const { scene, run } = await openShell();
    await scene.pools.noteScaling('fake', { desired: 0, running: 0, workersMax: 2 });

    const asked = await run('pools', 'prewarm', 'fake', '--workers', '5', '--for', '30m');
    const ended = await run('pools', 'prewarm', 'fake', '--workers', '0');

    expect(asked.stdout).toMatch(/^prewarm +2 up until 2030-03-17 18:16:40Z$/m);
    expect(asked.stderr).toBe("asked for 5: the pool's upper bound is 2\n");
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).not.toMatch(/^prewarm/m);
  });

  it.each([
    [['pause', 'other'], 3, 'not_found'],
    [['prewarm', 'fake'], 2, '--workers is missing'],
    [['prewarm', 'fake', '--workers', 'two'], 2, '--workers takes a whole number'],
    [['prewarm', 'fake', '--workers', '1', '--for', 'long'], 2, '--for takes a duration'],
  ])('refuse %j', async (args, code, said) => {
    const { run } = await openShell();

    const got = await run('pools', ...args);

    expect({ code: got.code, stderr: got.stderr }).toEqual({ code, stderr: expect.stringContaining(said) });
  });
});

describe('fleet', () => {
  it('shows every worker and marks the silent ones', async () => {
    const { scene, run, json } = await openShell();
    expect(await run('fleet')).toMatchObject({ code: 0, stdout: '', stderr: 'no workers are up\n' });
    const nowMs = scene.clock.nowMs();
    await scene.workers.report({
      workerId: 'worker_1',
      pool: 'fake',
      phase: 'serving',
      phaseSinceMs: nowMs,
      startedAtMs: nowMs - 1_000,
      reportedAtMs: nowMs,
      resident: ['fake-image@1'],
      runningJobs: 3,
      busyMs: 125,
      loadMs: 0,
    });

    expect((await run('fleet')).stdout).toMatch(
      /^worker_1 +fake +serving +\S+ \S+ +3 +12.5 % +\S+ \S+ +fake-image@1$/m,
    );
    await scene.clock.advance(workerLimits.silentMs + 1);

    expect((await run('fleet', '--pool', 'fake')).stdout).toMatch(/^worker_1 +fake +silent \(serving\) /m);
    expect(await json('fleet')).toMatchObject({ data: [{ id: 'worker_1', silent: true }] });
  });
});

describe('a tenant’s jobs and ledger', () => {
  it('show a refund from the job to the ledger', async () => {
    const { scene, run, json } = await openShell();
    const id = await scene.submit();
    await scene.finish(id);

    expect((await run('tenants', 'jobs', 'tenant-a', '--status', 'succeeded')).stdout).toMatch(
      new RegExp(`^${id} +succeeded`, 'm'),
    );
    const refund = ['jobs', 'refund', id, '--tenant', 'tenant-a', '--usd', '0.00025', '--reason', 'too late'];
    const given = await run(...refund);
    const ledger = await run('tenants', 'ledger', 'tenant-a');

    expect(given.stdout).toMatch(/^given back +\$0.00025$/m);
    expect(given.stdout).toMatch(/^to the budget of +2030-03$/m);
    expect(ledger.stdout).toMatch(/ charge +.* \$0.00125 +-$/m);
    expect(ledger.stdout).toMatch(/ refund +.* -\$0.00025 +too late$/m);
    expect((await json(...refund)).usd_micros).toBe(-250);
    expect((await run('tenants', 'ledger', 'tenant-a', '--month', '2030-02')).stderr).toBe('no entries\n');
  });

  it.each([
    [['--reason', 'late'], '--tenant is missing'],
    [['--tenant', 'tenant-a'], '--reason is missing'],
    [['--tenant', 'tenant-a', '--reason', 'late', '--usd', '1e-3'], '--usd takes USD'],
  ])('refund nothing for %j', async (args, said) => {
    const { run } = await openShell();

    const got = await run('jobs', 'refund', 'job_1', ...args);

    expect(got).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  });
});

describe('usdMicrosOf', () => {
  it.each([
    ['0.29', 290_000],
    ['1', 1_000_000],
    ['12.000001', 12_000_001],
    ['0', 0],
  ])('reads %s', (text, usdMicros) => {
    expect(usdMicrosOf(text)).toBe(usdMicros);
  });

  it.each(['', '.5', '-1', '0.0000001', '1,5', '1e3'])('refuses %j', (text) => {
    expect(() => usdMicrosOf(text)).toThrow();
  });
});
