import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleLedgerEntry, sampleStatement } from '#core/samples.ts';
import { createAdminScene } from '#functions/api/admin-scene.ts';
import type { Gateway } from '#local/gateway.ts';
import { startGateway } from '#local/gateway.ts';
import { captureIo } from './captured-io.ts';
import { main } from './main.ts';

let gateway: Gateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

async function openShell() {
  const scene = await createAdminScene();
  gateway = await startGateway({ handler: scene.handler, port: 0, log: scene.log });
  const where = ['--url', gateway.url, '--key', scene.adminKey];
  const cwd = await mkdtemp(join(tmpdir(), 'pilotlight-costs-'));
  const run = async (...args: readonly string[]) => {
    const io = captureIo({ cwd });
    const code = await main([...args, ...(args.includes('--key') ? where.slice(0, 2) : where)], io);
    return { code, stdout: io.stdout(), stderr: io.stderr() };
  };
  return { scene, run };
}

describe('costs', () => {
  it('shows a row per pool and the total, with what sharing has saved', async () => {
    const { scene, run } = await openShell();
    const figures = { billUsdMicros: 500_000, chargedUsdMicros: 300_000, operatorUsdMicros: -70_000 };
    const shares = { coldStartUsdMicros: 20_000, idleUsdMicros: 250_000, dedicatedMs: 14 * 3_600_000 };
    await scene.ledger.state(sampleStatement({ month: '203001', pool: 'fake', ...figures, ...shares }));

    const { code, stdout } = await run('costs', '--month', '2030-01');

    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toEqual([
      '2030-01',
      '',
      'POOL   STATE   WORKERS  TIME   GPU     BILL   CHARGED  SHARED  OPERATOR  SAVED',
      'fake   closed  1        2.7 s  812 ms  $0.50  $0.30    $0.27   -$0.07    93.2 %',
      'total          1        2.7 s  812 ms  $0.50  $0.30    $0.27   -$0.07    93.2 %',
      '',
      'SAVED: against an instance of its own, always on, for each tenant served',
    ]);
  });

  it('closes a month', async () => {
    const { scene, run } = await openShell();

    const { code, stdout } = await run('costs', '--month', '2030-02', '--close');

    expect(code).toBe(0);
    expect(stdout).toMatch(/^fake +closed /m);
    expect(await scene.ledger.statements('203002')).toHaveLength(1);
  });

  it.each([
    [['--close'], 2, '--close needs --month'],
    [['--month', 'March'], 3, 'must be a month such as 2030-03'],
    [['--month', '2030-03', '--close'], 3, 'can be closed from 2030-04-09'],
  ])('says what is wrong with %j', async (args, code, message) => {
    const { run } = await openShell();

    const got = await run('costs', ...args);

    expect(got.stderr).toContain(message);
    expect(got.code).toBe(code);
  });
});

describe('usage by tenant', () => {
  it('shows all tenants to the operator, as a table and as CSV', async () => {
    const { scene, run } = await openShell();
    await scene.ledger.append(sampleLedgerEntry());
    const march = ['--from', '2030-03-01', '--to', '2030-03-31'];

    const people = await run('usage', '--by', 'tenant,day', ...march);
    const sheet = await run('usage', '--by', 'tenant,day', '--csv', ...march);

    expect(people.stdout).toMatch(/^tenant-a +2030-03-17 +1 /m);
    expect(sheet.stdout).toMatch(/^tenant,day,jobs,.*\r?\ntenant-a,2030-03-17,1,/);
  });

  it('is refused to a tenant', async () => {
    const { scene, run } = await openShell();
    const key = await scene.addKey('tenant-a', ['usage:read']);

    const { code, stderr } = await run('usage', '--by', 'tenant', '--key', key);

    expect(stderr).toContain('scope');
    expect(code).not.toBe(0);
  });
});
