import { describe, expect, it } from 'vitest';
import { createFlowWorld } from '#sim/memory/flow-world.ts';
import { usageLimits } from '../limits.ts';
import { sampleLedgerEntry, sampleNowMs } from '../samples.ts';
import { readUsage } from './usage.ts';

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
    expect(months).toHaveLength(usageLimits.monthsMax);
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
