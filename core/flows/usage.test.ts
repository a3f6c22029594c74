import { describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { usageLimits } from '../limits.ts';
import { sampleLedgerEntry, sampleNowMs, sampleTenant } from '../samples.ts';
import { readUsage, readUsageOfAll } from './usage.ts';

const groupBy = ['day'] as const;

describe('reading usage', () => {
  it('reads every page of every month of the span, and no other tenant', async () => {
    const world = await createFlowWorld();
    for (let index = 0; index < 60; index += 1) {
      const isFebruary = index % 2 === 0;
      await world.ledger.append(
        sampleLedgerEntry({
          jobId: `job_${index}`,
          month: isFebruary ? '203002' : '203003',
          admittedAtMs: isFebruary ? Date.UTC(2030, 1, 2) : sampleNowMs,
        }),
      );
    }
    await world.ledger.append(sampleLedgerEntry({ tenantId: 'tenant-b' }));

    const outcome = await readUsage(world, 'tenant-a', {
      groupBy,
      fromMs: Date.UTC(2030, 1, 1),
      toMs: sampleNowMs + 1,
    });

    expect(outcome).toMatchObject({
      kind: 'usage',
      report: { rows: [{ group: { day: '2030-02-02' }, jobs: 30 }, { jobs: 30 }], total: { jobs: 60 } },
    });
  });

  it('counts the files of a job of an earlier month that were kept in the time asked for, and not the job', async () => {
    const world = await createFlowWorld();
    const atMs = Date.UTC(2030, 1, 28);
    await world.ledger.append(
      sampleLedgerEntry({ month: '203002', admittedAtMs: atMs, atMs, bytesStored: 1_000 }),
    );

    const outcome = await readUsage(world, 'tenant-a', {
      groupBy,
      fromMs: Date.UTC(2030, 2, 2),
      toMs: Date.UTC(2030, 2, 3),
    });

    const total = { jobs: 0, usdMicros: 0, storageByteHours: 24_000 };
    expect(outcome).toMatchObject({ report: { rows: [{ group: { day: '2030-03-02' } }], total } });
  });

  it('reads 13 calendar months and refuses a fourteenth before it reads anything', async () => {
    const world = await createFlowWorld();
    const months: string[] = [];
    const ledger: typeof world.ledger = {
      ...world.ledger,
      list(tenantId, month, cursor) {
        months.push(month);
        return world.ledger.list(tenantId, month, cursor);
      },
    };
    const toMs = sampleNowMs;

    const long = await readUsage({ ...world, ledger }, 'tenant-a', {
      groupBy,
      fromMs: Date.UTC(2029, 1, 28),
      toMs,
    });
    expect(long).toEqual({ kind: 'span_too_long', monthsMax: 13 });
    expect(months).toEqual([]);

    await readUsage({ ...world, ledger }, 'tenant-a', { groupBy, fromMs: Date.UTC(2029, 2, 1), toMs });
    // And the months before, whose files may have been kept in the first of them.
    expect(months).toHaveLength(usageLimits.monthsMax + 2);
  });

  it('stops at more rows than an answer holds: tags are the tenant’s own', async () => {
    const world = await createFlowWorld();
    const items = Array.from({ length: usageLimits.rowsMax + 1 }, (_, index) =>
      sampleLedgerEntry({ jobId: `job_${index}`, tag: `tag ${index}` }),
    );
    const ledger = { list: async () => ({ items, cursor: null }) };

    const outcome = await readUsage({ ...world, ledger }, 'tenant-a', {
      groupBy: ['tag'],
      fromMs: sampleNowMs,
      toMs: sampleNowMs + 1,
    });

    expect(outcome).toEqual({ kind: 'too_many_rows', rowsMax: usageLimits.rowsMax });
  });
});

describe('reading the usage of all tenants', () => {
  const ask = { fromMs: Date.UTC(2030, 1, 1), toMs: Date.UTC(2030, 3, 1) };

  it('reads every ledger of the time, those of deleted tenants too, and tells tenants apart', async () => {
    const world = await createFlowWorld();
    await world.tenants.create(sampleTenant({ tenantId: 'tenant-b', status: 'deleted' }));
    await world.tenants.create(sampleTenant({ tenantId: 'tenant-c' }));
    await world.ledger.append(sampleLedgerEntry());
    await world.ledger.append(sampleLedgerEntry({ tenantId: 'tenant-b' }));
    const admittedAtMs = Date.UTC(2030, 1, 3);
    await world.ledger.append(sampleLedgerEntry({ tenantId: 'tenant-b', month: '203002', admittedAtMs }));

    const outcome = await readUsageOfAll(world, { ...ask, groupBy: ['tenant', 'day'] });

    expect(outcome).toMatchObject({
      kind: 'usage',
      report: {
        rows: [
          { group: { tenant: 'tenant-a', day: '2030-03-17' }, jobs: 1 },
          { group: { tenant: 'tenant-b', day: '2030-02-03' }, jobs: 1 },
          { group: { tenant: 'tenant-b', day: '2030-03-17' }, jobs: 1 },
        ],
        total: { jobs: 3 },
      },
    });
  });

  it('stops at more rows than an answer holds', async () => {
    const world = await createFlowWorld();
    const items = Array.from({ length: usageLimits.rowsMax + 1 }, (_, index) =>
      sampleLedgerEntry({ jobId: `job_${index}`, tag: `tag ${index}` }),
    );
    const ledger = { list: async () => ({ items, cursor: 'more' }) };

    const outcome = await readUsageOfAll({ ...world, ledger }, { ...ask, groupBy: ['tag'] });

    expect(outcome).toEqual({ kind: 'too_many_rows', rowsMax: usageLimits.rowsMax });
  });
});
