import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jobLimits } from '../limits.ts';
import { sampleLedgerEntry, sampleNowMs, sampleShare, sampleWarmup } from '../samples.ts';
import type { JobEntry, LedgerEntry } from './ledger.ts';
import { balanceOf, refundEntryOf } from './ledger.ts';
import type { UsageAsk, UsageGrouping } from './usage.ts';
import { createUsageMeter, monthsBetween, usageGroupings } from './usage.ts';

const dayMs = 86_400_000;
const nowMs = sampleNowMs + 40 * dayMs;

describe('a usage report', () => {
  it('sums up by the columns asked for, in their order', () => {
    const entries = [
      entry({ model: 'b', tag: 'x' }),
      entry({ model: 'a', tag: null }),
      entry({ model: 'b', tag: 'x', gpuMs: 88, admittedAtMs: sampleNowMs + 1 }),
      entry({ model: 'b', tag: 'x', admittedAtMs: sampleNowMs + dayMs }),
    ].map((each) => ({ ...each, bytesStored: 0 }));

    const { rows, total } = reportOf(entries, ['day', 'model', 'tag']);

    expect(rows.map(({ group, jobs, gpuMs }) => [group, jobs, gpuMs])).toEqual([
      [{ day: '2030-03-17', model: 'a', tag: null }, 1, 812],
      [{ day: '2030-03-17', model: 'b', tag: 'x' }, 2, 900],
      [{ day: '2030-03-18', model: 'b', tag: 'x' }, 1, 812],
    ]);
    expect(total).toMatchObject({ jobs: 4, images: 4, weightedImages: 6, usdMicros: 4 * 321 });
    expect(total).toMatchObject({ inputTokens: 4 * 12, outputTokens: 4 * 34 });
  });

  it('counts a refund on the day of its job, as money and as no job', () => {
    const charge = entry({ bytesStored: 0 });
    const refund = refundEntryOf(charge, 321, sampleNowMs + 20 * dayMs);

    const { rows } = reportOf([charge, refund], ['day']);

    expect(rows).toMatchObject([
      { group: { day: '2030-03-17' }, jobs: 1, gpuMs: 812, usdMicros: 0, inputTokens: 12, outputTokens: 34 },
    ]);
  });

  it('counts a share on the last day of its month, as money of no job, model, key or tag', () => {
    const charge = entry({ tag: 'x', bytesStored: 0 });

    const { rows, total } = reportOf([charge, sampleShare()], ['day', 'model', 'key', 'tag']);

    expect(rows).toMatchObject([
      { group: { day: '2030-03-17', tag: 'x' }, jobs: 1, usdMicros: 321, sharedUsdMicros: 0 },
      { group: { day: '2030-03-31', model: null, key: null, tag: null }, jobs: 0, sharedUsdMicros: 70 },
    ]);
    expect(total).toMatchObject({ jobs: 1, gpuMs: 812, usdMicros: 391, sharedUsdMicros: 70 });
  });

  it('has no row for a share of nothing', () => {
    const share = sampleShare({ usdMicros: 0, parts: { coldStart: 0, idle: 0 } });

    expect(reportOf([share], ['day']).rows).toEqual([]);
  });

  it('counts a warm-up on the day it was asked for, as money of its model and key and of no job or tag', () => {
    const entries = [sampleWarmup({ model: 'b' }), sampleWarmup({ model: 'b', atMs: sampleNowMs + dayMs })];

    const { rows, total } = reportOf(entries, ['day', 'model', 'key', 'tag']);

    const named = { model: 'b', key: 'key00001', tag: null };
    const paid = { jobs: 0, gpuMs: 0, usdMicros: 87_667, warmupUsdMicros: 87_667, sharedUsdMicros: 0 };
    expect(rows).toMatchObject([
      { group: { day: '2030-03-17', ...named }, ...paid },
      { group: { day: '2030-03-18', ...named }, ...paid },
    ]);
    expect(total).toMatchObject({ usdMicros: 175_334, warmupUsdMicros: 175_334, storageByteHours: 0 });
  });

  it('leaves a share out of any time that ends before its month does', () => {
    const sharedWithin = (toMs: number) => {
      const meter = createUsageMeter({ groupBy: [], fromMs: Date.UTC(2030, 2, 1), toMs }, nowMs);
      meter.add(sampleShare());
      return meter.report().total.sharedUsdMicros;
    };

    expect(sharedWithin(Date.UTC(2030, 2, 31))).toBe(0);
    expect(sharedWithin(Date.UTC(2030, 3, 1))).toBe(70);
  });

  it('takes the first instant and leaves the last one out', () => {
    const at = (admittedAtMs: number) => entry({ admittedAtMs });
    const span = { groupBy: [], fromMs: sampleNowMs, toMs: sampleNowMs + 10 };

    const meter = createUsageMeter(span, nowMs);
    for (const ms of [-1, 0, 9, 10]) meter.add(at(sampleNowMs + ms));

    expect(meter.report()).toMatchObject({ rows: [{ group: {}, jobs: 2 }], total: { jobs: 2 } });
  });

  it('counts the storage of a result up to now, and no longer than it is kept', () => {
    const hours = (ms: number) => {
      const meter = createUsageMeter({ groupBy: [], fromMs: 0, toMs: nowMs }, ms);
      meter.add(entry({ bytesStored: 1_000 }));
      return meter.report().total.storageByteHours;
    };
    const endedMs = entry({}).atMs;

    expect(hours(endedMs - 1)).toBe(0);
    expect(hours(endedMs + 90 * 60_000)).toBe(1_500);
    expect(hours(endedMs + 10 * jobLimits.keptMs)).toBe((1_000 * jobLimits.keptMs) / 3_600_000);
  });

  it('counts storage on the days on which it was taken, for as long as the job was kept', () => {
    const atMs = Date.UTC(2030, 2, 17, 12);
    const meter = createUsageMeter({ groupBy: ['day'], fromMs: atMs + 1, toMs: nowMs }, nowMs);

    meter.add(entry({ bytesStored: 1_000, admittedAtMs: atMs, atMs, retentionMs: 2 * dayMs }));

    const { rows, total } = meter.report();
    expect(rows.map(({ group, jobs, storageByteHours }) => [group.day, jobs, storageByteHours])).toEqual([
      ['2030-03-17', 0, 12_000],
      ['2030-03-18', 0, 24_000],
      ['2030-03-19', 0, 12_000],
    ]);
    expect(total).toMatchObject({ jobs: 0, images: 0, gpuMs: 0, usdMicros: 0, storageByteHours: 48_000 });
  });

  it('has storage that is the same in sum however the time is split, and exact for any size', () => {
    const instant = fc.integer({ min: sampleNowMs - 5 * dayMs, max: nowMs + 5 * dayMs });
    const stored = fc.record({
      bytesStored: fc.nat({ max: 2_000_000_000 }),
      retentionMs: fc.integer({ min: 1, max: 30 }).map((days) => days * dayMs),
      atMs: fc.integer({ min: sampleNowMs - 3 * dayMs, max: sampleNowMs + 3 * dayMs }),
    });
    const bytesIn = (entries: readonly JobEntry[], fromMs: number, toMs: number, byDay: boolean) => {
      const meter = createUsageMeter({ groupBy: byDay ? ['day'] : [], fromMs, toMs }, nowMs);
      for (const each of entries) meter.add(each);
      return meter.report().total.storageByteHours;
    };

    fc.assert(
      fc.property(
        fc.array(stored, { maxLength: 5 }),
        fc.array(instant, { minLength: 2, maxLength: 8 }),
        fc.boolean(),
        (fields, instants, byDay) => {
          const entries = fields.map((each) => entry({ ...each, admittedAtMs: each.atMs }));
          const cuts = instants.toSorted((left, right) => left - right);
          const [fromMs = 0, toMs = 0] = [cuts[0], cuts.at(-1)];

          const parts = cuts.slice(1).map((cut, index) => bytesIn(entries, cuts[index] ?? 0, cut, byDay));

          const whole = bytesIn(entries, fromMs, toMs, !byDay);
          expect(parts.reduce((sum, part) => sum + part, 0)).toBe(whole);
          const exact = entries.reduce((sum, each) => sum + byHand(each, fromMs, toMs), 0n);
          expect(BigInt(whole)).toBe(exact);
        },
      ),
    );
  });

  it('has rows that add up to the total, and costs that add up to the balance, however it is grouped', () => {
    const anyEntry = fc
      .record({
        model: fc.constantFrom('a', 'b'),
        keyId: fc.constantFrom('key00001', 'key00002'),
        tag: fc.constantFrom(null, '', 'x', '["x"]'),
        gpuMs: fc.nat({ max: 10_000 }),
        admittedAtMs: fc.integer({ min: sampleNowMs - 3 * dayMs, max: sampleNowMs + 3 * dayMs }),
      })
      .map((fields) => entry(fields));
    const entriesOf = fc
      .array(fc.tuple(anyEntry, fc.option(fc.nat({ max: 321 }))), { maxLength: 30 })
      .map((pairs) =>
        pairs.flatMap(([charge, back]): LedgerEntry[] =>
          back === null ? [charge, sampleShare()] : [charge, refundEntryOf(charge, back, nowMs)],
        ),
      );

    fc.assert(
      fc.property(entriesOf, fc.subarray([...usageGroupings]), (entries, groupBy) => {
        const { rows, total } = reportOf(entries, groupBy);

        expect(total.usdMicros).toBe(balanceOf(entries));
        for (const sum of [
          'jobs',
          'images',
          'weightedImages',
          'gpuMs',
          'storageByteHours',
          'usdMicros',
          'sharedUsdMicros',
        ] as const) {
          expect(rows.reduce((all, row) => all + row[sum], 0)).toBe(total[sum]);
        }
        const groups = rows.map(({ group }) => JSON.stringify(group));
        expect(new Set(groups).size).toBe(groups.length);
      }),
    );
  });
});

describe('monthsBetween', () => {
  it('names every month that the time touches, over the turn of a year', () => {
    expect(monthsBetween(Date.UTC(2029, 10, 30), Date.UTC(2030, 1, 1))).toEqual([
      '202911',
      '202912',
      '203001',
    ]);
    expect(monthsBetween(Date.UTC(2030, 1, 1), Date.UTC(2030, 1, 1) + 1)).toEqual(['203002']);
  });
});

function entry(overrides: Partial<JobEntry>): JobEntry {
  return sampleLedgerEntry(overrides);
}

/** The rule in whole numbers of any size. */
function byHand({ bytesStored, atMs, retentionMs }: JobEntry, fromMs: number, toMs: number): bigint {
  const takenBy = (instantMs: number) => {
    const keptMs = Math.max(0, Math.min(instantMs, nowMs, atMs + retentionMs) - atMs);
    return (BigInt(bytesStored) * BigInt(keptMs)) / 3_600_000n;
  };
  return takenBy(toMs) - takenBy(Math.min(fromMs, toMs));
}

function reportOf(entries: readonly LedgerEntry[], groupBy: readonly UsageGrouping[]) {
  const ask: UsageAsk = { groupBy, fromMs: 0, toMs: nowMs };
  const meter = createUsageMeter(ask, nowMs);
  for (const each of entries) meter.add(each);
  return meter.report();
}
