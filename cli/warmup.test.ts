import { afterEach, describe, expect, it } from 'vitest';
import type { OperatorShell } from './operator-shell.ts';
import { openOperatorShell } from './operator-shell.ts';

let shell: OperatorShell | null = null;

afterEach(async () => {
  await shell?.close();
  shell = null;
});

async function open(): Promise<OperatorShell> {
  shell = await openOperatorShell();
  return shell;
}

describe('models warmup', () => {
  it('says by when a worker is expected, until when it stays and what it costs', async () => {
    const { run } = await open();

    const { code, stdout } = await run('models', 'warmup', 'fake-image', '--for', '10m');

    expect(code).toBe(0);
    expect(stdout).toMatch(/^warm-up +warmup_[0-9a-z]{26}$/m);
    expect(stdout).toMatch(/^pool +fake, warming$/m);
    expect(stdout).toMatch(/^ready +2030-03-17 .* \(nine of ten by 2030-03-17 .*\)$/m);
    expect(stdout).toMatch(/^cost +\$0\.60$/m);
  });

  it('pays once under one key, and for what it adds under another', async () => {
    const { run, json } = await open();
    const args = ['models', 'warmup', 'fake-image', '--for', '10m', '--idempotency-key'];
    const first = await json(...args, 'a');

    const again = await json(...args, 'a');
    const longer = await json('models', 'warmup', 'fake-image', '--for', '11m');
    const pool = await run('pools', 'show', 'fake');
    const ledger = await run('tenants', 'ledger', 'tenant-a');

    expect(again).toEqual(first);
    expect([first.cost_usd_micros, longer.cost_usd_micros]).toEqual([600_000, 60_000]);
    expect(pool.stdout).toMatch(/^warm-ups +tenant-a until 2030-03-17 /m);
    expect(ledger.stdout.match(/ warmup /g)).toHaveLength(2);
    expect(ledger.stdout).toContain(first.id);
  });

  it('says what the cap of the tenant left room for', async () => {
    const { run } = await open();
    await run('tenants', 'update', 'tenant-a', '--set', 'warmup_usd_micros_per_day=0');

    const { code, stderr } = await run('models', 'warmup', 'fake-image');

    expect(code).not.toBe(0);
    expect(stderr).toContain('The limit warmup_usd_micros_per_day leaves no room for this warm-up');
  });

  it.each([
    [['models', 'warmup'], 'ID is missing'],
    [['models', 'warmup', 'fake-image', '--for', 'soon'], '--for takes a duration'],
    [['models', 'warmup', 'fake-image', '--idempotency-key='], '--idempotency-key must not be empty'],
  ])('refuses %j before anything is sent', async (args, fault) => {
    const { run, scene } = await open();

    const { code, stderr } = await run(...args);

    expect(code).toBe(2);
    expect(stderr).toContain(fault);
    expect((await scene.pools.read('fake')).orders.warmups).toEqual([]);
  });
});
