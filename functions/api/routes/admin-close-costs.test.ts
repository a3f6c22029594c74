import { describe, expect, it } from 'vitest';
import { spanOf } from '#core/billing/instance-bill.ts';
import { sampleLedgerEntry, sampleWorker } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/costs/close';

async function setup() {
  const scene = await createAdminScene();
  const { fromMs } = spanOf('203002');
  await scene.workers.report(
    sampleWorker({
      pool: 'fake',
      startedAtMs: fromMs,
      phase: 'ended',
      phaseSinceMs: fromMs + 10_000,
      reportedAtMs: fromMs + 10_000,
      loadMs: 0,
    }),
  );
  const charge = { month: '203002', pool: 'fake', gpuMs: 3_000, usdMicros: 3_000, parts: { compute: 3_000 } };
  await scene.ledger.append(sampleLedgerEntry({ ...charge, admittedAtMs: fromMs }));
  return scene;
}

describe('200', () => {
  it('closes the month, once: asked again it answers the same', async () => {
    const scene = await setup();

    const first = await scene.ask('adminCloseCosts', `${path}?month=2030-02`);
    const second = await scene.ask('adminCloseCosts', `${path}?month=2030-02`);

    expect(first.json.data).toMatchObject([
      { bill_usd_micros: 10_000, idle_usd_micros: 7_000, closed_at: '2030-03-17T17:46:40.000Z' },
    ]);
    expect(second.text).toBe(first.text);
  });

  it('puts the share into the usage of the tenant, on the last day of the month', async () => {
    const scene = await setup();
    await scene.ask('adminCloseCosts', `${path}?month=2030-02`);
    const key = await scene.addKey('tenant-a', ['usage:read']);

    const got = await scene.send('getUsage', '/v1/usage?from=2030-02-01&to=2030-02-28', { key });

    expect(got.json.data).toMatchObject([
      { group: { day: '2030-02-01' }, jobs: 1, cost_usd_micros: 3_000, shared_usd_micros: 0 },
      { group: { day: '2030-02-28' }, jobs: 0, cost_usd_micros: 7_000, shared_usd_micros: 7_000 },
    ]);
    expect(got.json.total).toMatchObject({ cost_usd_micros: 10_000, shared_usd_micros: 7_000 });
  });
});

describe('400', () => {
  it('wants a month', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCloseCosts', path);

    expect(got.json.error.details).toMatchObject([{ path: 'month' }]);
  });
});

describe('403', () => {
  it('is for the operator alone', async () => {
    const scene = await createAdminScene();
    const key = await scene.addKey('tenant-a', ['usage:read']);

    const got = await scene.send('adminCloseCosts', `${path}?month=2030-02`, { key });

    expect(got.json.error.code).toBe('missing_scope');
  });
});

describe('409', () => {
  it('says from when on a month can be closed whose jobs may still settle', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminCloseCosts', `${path}?month=2030-03`);

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      param: 'month',
      message: 'Jobs of 2030-03 may still settle; it can be closed from 2030-04-09T00:00:00.000Z on.',
    });
  });
});
