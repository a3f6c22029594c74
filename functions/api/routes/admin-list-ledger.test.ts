import { describe, expect, it } from 'vitest';
import { sampleLedgerEntry } from '#core/samples.ts';
import { createAdminScene, nobody } from '../admin-scene.ts';

const path = '/admin/v1/tenants/tenant-a/ledger';

describe('200', () => {
  it('lists charges and refunds of this month', async () => {
    const scene = await createAdminScene();
    const id = await scene.submit();
    await scene.finish(id);
    const refundPath = `/admin/v1/tenants/tenant-a/jobs/${id}/refund`;
    await scene.ask('adminRefundJob', refundPath, { usd_micros: 250, reason: 'late' });

    const got = await scene.ask('adminListLedger', path);

    expect(got.json.data).toMatchObject([
      { kind: 'charge', job: id, usd_micros: 1_250, reason: null, outcome: 'succeeded' },
      { kind: 'refund', job: id, usd_micros: -250, reason: 'late', outcome: 'succeeded' },
    ]);
  });

  it('lists a share of what a pool cost, which is no job’s', async () => {
    const scene = await createAdminScene();
    await scene.ledger.append({
      kind: 'share',
      tenantId: 'tenant-a',
      month: '203003',
      pool: 'fake',
      servedGpuMs: 12,
      usdMicros: 7,
      parts: { coldStart: 3, idle: 4 },
      atMs: scene.clock.nowMs(),
    });

    expect((await scene.ask('adminListLedger', path)).json.data).toMatchObject([
      { kind: 'share', pool: 'fake', job: null, model: null, gpu_ms: 12, usd_micros: 7 },
    ]);
  });

  it('goes page by page through another month', async () => {
    const scene = await createAdminScene();
    for (let job = 10; job < 70; job += 1) {
      await scene.ledger.append(sampleLedgerEntry({ month: '202912', jobId: `job_${job}` }));
    }

    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const got = await scene.ask(
        'adminListLedger',
        `${path}?month=2029-12${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...got.json.data.map(({ job }: { job: string }) => job));
      cursor = got.json.next_cursor;
    }

    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => `job_${index + 10}`));
  });
});

describe('400', () => {
  it.each(['203003', '2030-13', '2030-3', ''])('takes no month %j', async (month) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListLedger', `${path}?month=${month}`)).json.error.param).toBe('month');
  });
});

describe('404', () => {
  it.each(nobody)('has no tenant %s', async (id) => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListLedger', `/admin/v1/tenants/${id}/ledger`)).status).toBe(404);
  });
});
