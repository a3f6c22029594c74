import { describe, expect, it } from 'vitest';
import { sampleLedgerEntry, sampleNowMs, sampleStatement, sampleWorker } from '#core/samples.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/costs';

describe('200', () => {
  it('says where the bill of this month goes so far, and that it is a draft', async () => {
    const scene = await createAdminScene();
    await scene.workers.report(
      sampleWorker({
        pool: 'fake',
        startedAtMs: sampleNowMs - 10_000,
        reportedAtMs: sampleNowMs,
        phase: 'serving',
        loadMs: 2_000,
      }),
    );
    const charge = { pool: 'fake', gpuMs: 3_000, usdMicros: 3_000, parts: { compute: 3_000 } };
    await scene.ledger.append(sampleLedgerEntry({ ...charge, workerId: sampleWorker().workerId }));

    const got = await scene.ask('adminGetCosts', path);

    expect(got.json).toMatchObject({
      month: '2030-03',
      data: [
        {
          pool: 'fake',
          pricing: 'at_cost',
          usd_micros_per_hour: 3_600_000,
          tenants: 1,
          workers: 1,
          worker_ms: 10_000,
          bill_usd_micros: 10_000,
          charged_usd_micros: 3_000,
          cold_start_usd_micros: 2_000,
          idle_usd_micros: 5_000,
          operator_usd_micros: 0,
          dedicated_usd_micros: 0,
          saved_share: null,
          closed_at: null,
        },
      ],
      total: { bill_usd_micros: 10_000 },
    });
  });

  it('gives the statements of a month that is closed, with what sharing has saved', async () => {
    const scene = await createAdminScene();
    await scene.ledger.state(sampleStatement({ month: '203001', pool: 'fake' }));

    const got = await scene.ask('adminGetCosts', `${path}?month=2030-01`);

    expect(got.json.data).toMatchObject([
      { pool: 'fake', dedicated_usd_micros: 176_736_000, closed_at: '2030-04-16T17:46:40.000Z' },
    ]);
    expect(got.json.total.saved_share).toBeCloseTo(1 - 395 / 176_736_000, 12);
  });
});

describe('400', () => {
  it.each([
    ['?month=2030-13', 'must be a month such as 2030-03'],
    ['?month=203003', 'must be a month such as 2030-03'],
    ['?month=2030-04', 'must not be later than 2030-03'],
  ])('says what is wrong with %s', async (query, message) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminGetCosts', path + query);

    expect(got.status).toBe(400);
    expect(got.json.error.details).toEqual([{ path: 'month', message }]);
  });
});

describe('403', () => {
  it('is for the operator alone', async () => {
    const scene = await createAdminScene();
    const key = await scene.addKey('tenant-a', ['usage:read']);

    expect((await scene.send('adminGetCosts', path, { key })).json.error.code).toBe('missing_scope');
  });
});
