import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createManualClock } from '#sim/memory/manual-clock.ts';
import { createMemoryWorld } from '#sim/memory/memory-world.ts';
import { createRecordingLog } from '#sim/memory/recording-log.ts';
import { createSeededIds } from '#sim/memory/seeded-ids.ts';
import { costSettings } from '../billing/cost-settings.ts';
import { spanOf } from '../billing/instance-bill.ts';
import type { LedgerEntry } from '../billing/ledger.ts';
import { balanceOf, isOfJob, refundEntryOf } from '../billing/ledger.ts';
import { gpuCostUsdMicros } from '../billing/price.ts';
import type { Pricing } from '../billing/statement.ts';
import { costLimits } from '../limits.ts';
import { createCatalog } from '../models/manifest.ts';
import type { Ledger } from '../ports/ledger.ts';
import { sampleLedgerEntry, samplePlan, sampleTenant, sampleWarmup, sampleWorker } from '../samples.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import type { ClosePorts } from './close-month.ts';
import { closeMonth, dueMonth } from './close-month.ts';
import { readCosts } from './read-costs.ts';

const month = '203003';
const { fromMs, toMs } = spanOf(month);
const hourMs = 60 * 60 * 1000;
/** Micro-USD an hour: a thousand for a second. */
const price = 3_600_000;
/** The share of a tenant that was served and owes none. */
const nothing = { coldStart: 0, idle: 0 };

describe('closing a month', () => {
  it('charges loads to whom the worker served, idle time by GPU time, and meets the bill', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 2_000 });
    await world.worker({ workerId: 'w2', livedMs: 10_000, loadMs: 1_000 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 3_000 });
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 1_000 });
    await world.job({ tenantId: 'tenant-b', workerId: 'w2', gpuMs: 4_000 });

    const outcome = await closeMonth(world.ports, month);

    // 20,000 for 20 s; 8,000 charged, 3,000 loading, 9,000 idle, of which 3/8 and 5/8.
    expect(outcome).toMatchObject({
      kind: 'closed',
      statements: [
        {
          pool: 'fake',
          billUsdMicros: 20_000,
          chargedUsdMicros: 8_000,
          coldStartUsdMicros: 3_000,
          idleUsdMicros: 9_000,
          operatorUsdMicros: 0,
          tenants: 2,
          gpuMs: 8_000,
        },
      ],
    });
    expect(await world.shareOf('tenant-a')).toEqual({ coldStart: 1_500, idle: 3_375 });
    expect(await world.shareOf('tenant-b')).toEqual({ coldStart: 1_500, idle: 5_625 });
  });

  it('shares nothing out under list prices: what is over is the operator’s', async () => {
    const world = await createCostWorld({ pricing: 'list' });
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 2_000 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 3_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(outcome).toMatchObject({
      statements: [{ billUsdMicros: 10_000, chargedUsdMicros: 3_000, operatorUsdMicros: 7_000 }],
    });
    expect(await world.shareOf('tenant-a')).toBeNull();
  });

  it('leaves the cost of workers that served nobody to the operator', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 2_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(outcome).toMatchObject({ statements: [{ tenants: 0, operatorUsdMicros: 10_000 }] });
  });

  it('leaves what a hard budget cuts off to the operator, and puts it on nobody else', async () => {
    const world = await createCostWorld();
    await world.addTenant({ tenantId: 'capped', overrides: { budget_usd_micros_per_month: 1_200 } });
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 400 });
    await world.job({ tenantId: 'capped', workerId: 'w1', gpuMs: 1_000 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 1_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(await world.shareOf('capped')).toEqual({ coldStart: 200, idle: 0 });
    expect(await world.shareOf('tenant-a')).toEqual({ coldStart: 200, idle: 3_800 });
    expect(outcome).toMatchObject({ statements: [{ operatorUsdMicros: 3_800 }] });
  });

  it('takes the budget from a plan of the operator’s own', async () => {
    const world = await createCostWorld();
    const limits = { weight: 1, open_jobs_max: 5, budget_usd_micros_per_month: 1_000 };
    await world.ports.plans.put(samplePlan({ name: 'thrifty', limits }));
    await world.addTenant({ tenantId: 'capped', plan: 'thrifty' });
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 0 });
    await world.job({ tenantId: 'capped', workerId: 'w1', gpuMs: 1_000 });

    await closeMonth(world.ports, month);

    expect(await world.shareOf('capped')).toEqual(nothing);
  });

  it('holds a budget over all pools together', async () => {
    const world = await createCostWorld({ pools: ['fake', 'other'] });
    await world.addTenant({ tenantId: 'capped', overrides: { budget_usd_micros_per_month: 2_500 } });
    for (const pool of ['fake', 'other']) {
      await world.worker({ workerId: `of-${pool}`, pool, livedMs: 1_400, loadMs: 0 });
      await world.job({ tenantId: 'capped', pool, workerId: `of-${pool}`, gpuMs: 1_000 });
    }

    await closeMonth(world.ports, month);

    expect(await world.shareOf('capped', 'fake')).toEqual({ coldStart: 0, idle: 400 });
    expect(await world.shareOf('capped', 'other')).toEqual({ coldStart: 0, idle: 100 });
  });

  it('tells of a surplus, and shares nothing, where charges ran ahead of the bill', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 1_000, loadMs: 500 });
    // Admitted in this month, run in the next: the charge is here and the worker's time is there.
    await world.job({ tenantId: 'tenant-a', workerId: 'w2', gpuMs: 4_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(outcome).toMatchObject({
      statements: [{ billUsdMicros: 1_000, chargedUsdMicros: 4_000, operatorUsdMicros: -3_000 }],
    });
    expect(await world.shareOf('tenant-a')).toEqual(nothing);
  });

  it('counts a warm-up towards the idle time of the tenant that paid for it, and nobody pays for that time again', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 20_000, loadMs: 0 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 2_000 });
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 2_000 });
    await world.warmup({ tenantId: 'tenant-a', usdMicros: 5_000 });

    const outcome = await closeMonth(world.ports, month);

    // 16,000 idle, half of it each: the one has paid 5,000 of that.
    expect(await world.shareOf('tenant-a')).toEqual({ coldStart: 0, idle: 3_000 });
    expect(await world.shareOf('tenant-b')).toEqual({ coldStart: 0, idle: 8_000 });
    expect(outcome).toMatchObject({ statements: [{ chargedUsdMicros: 9_000, operatorUsdMicros: 0 }] });
  });

  it('asks nothing of a tenant whose warm-ups cost more than its part, and the less of the others', async () => {
    const world = await createCostWorld();
    await world.addTenant({ tenantId: 'waiting' });
    await world.worker({ workerId: 'w1', livedMs: 20_000, loadMs: 0 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 1_000 });
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 3_000 });
    await world.warmup({ tenantId: 'tenant-a', usdMicros: 7_000 });
    await world.warmup({ tenantId: 'waiting', usdMicros: 1_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(await world.shareOf('tenant-a')).toEqual(nothing);
    expect(await world.shareOf('waiting')).toBeNull();
    expect(await world.shareOf('tenant-b')).toEqual({ coldStart: 0, idle: 8_000 });
    expect(outcome).toMatchObject({ statements: [{ tenants: 2, operatorUsdMicros: 0 }] });
  });

  it('leaves a surplus to the operator where warm-ups and jobs together cost more than the bill', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 0 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 4_000 });
    await world.warmup({ tenantId: 'tenant-a', usdMicros: 10_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(outcome).toMatchObject({ statements: [{ chargedUsdMicros: 14_000, operatorUsdMicros: -4_000 }] });
    expect(await world.shareOf('tenant-a')).toEqual(nothing);
  });

  it('counts warm-ups against the hard budget that bounds a share', async () => {
    const world = await createCostWorld();
    await world.addTenant({ tenantId: 'capped', overrides: { budget_usd_micros_per_month: 2_500 } });
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 0 });
    await world.job({ tenantId: 'capped', workerId: 'w1', gpuMs: 1_000 });
    await world.warmup({ tenantId: 'capped', usdMicros: 1_000 });

    await closeMonth(world.ports, month);

    expect(await world.shareOf('capped')).toEqual({ coldStart: 0, idle: 500 });
  });

  it('does not charge others for a refund', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 4_000, loadMs: 0 });
    const charge = await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 1_000 });
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 1_000 });
    await world.ports.ledger.append(refundEntryOf(charge, 1_000, toMs));

    await closeMonth(world.ports, month);

    expect(await world.shareOf('tenant-a')).toEqual({ coldStart: 0, idle: 1_000 });
    expect(await world.shareOf('tenant-b')).toEqual({ coldStart: 0, idle: 1_000 });
  });

  it('finds the pool of an entry from before pools were noted by its model', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 4_000, loadMs: 0 });
    const old = { pool: null, workerId: null, model: fakeManifest.id };
    await world.ports.ledger.append({ ...sampleLedgerEntry(), ...old });

    await closeMonth(world.ports, month);

    expect(await world.shareOf('tenant-a')).toEqual({ coldStart: 0, idle: 4_000 - 321 });
  });

  it('is done once under sixteen parallel closes', async () => {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 2_000 });
    for (const tenantId of ['tenant-a', 'tenant-b']) {
      await world.job({ tenantId, workerId: 'w1', gpuMs: 3_000 });
    }

    const outcomes = await Promise.all(Array.from({ length: 16 }, () => closeMonth(world.ports, month)));

    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ statements: [{ billUsdMicros: 10_000, operatorUsdMicros: 0 }] });
    expect(balanceOf(await world.entries())).toBe(10_000);
    expect(world.ports.log.events().filter((event) => event === 'month.closed')).toHaveLength(1);
  });

  it('has decided on every tenant by the time it states, so one that finds more room meanwhile adds nothing', async () => {
    const world = await createCostWorld();
    await world.addTenant({ tenantId: 'capped', overrides: { budget_usd_micros_per_month: 1_000 } });
    await world.worker({ workerId: 'w1', livedMs: 4_000, loadMs: 0 });
    const charge = await world.job({ tenantId: 'capped', workerId: 'w1', gpuMs: 1_000 });
    const [reached, mayState] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { ledger } = world.ports;
    const first = closeMonth(
      withLedger(world.ports, {
        async state(statement) {
          reached.resolve();
          await mayState.promise;
          return ledger.state(statement);
        },
      }),
      month,
    );
    await reached.promise;
    await ledger.append(refundEntryOf(charge, 500, toMs));

    const second = closeMonth(
      withLedger(world.ports, {
        async append(entry) {
          mayState.resolve();
          await first;
          return ledger.append(entry);
        },
      }),
      month,
    );

    expect(await second).toMatchObject({ statements: [{ idleUsdMicros: 0, operatorUsdMicros: 3_000 }] });
    expect(await world.shareOf('capped')).toEqual(nothing);
  });

  it('waits until the last job of the month must have settled', async () => {
    const world = await createCostWorld({ nowMs: toMs + costLimits.closeAfterMs - 1 });

    const outcome = await closeMonth(world.ports, month);

    expect(outcome).toEqual({ kind: 'too_early', closesAtMs: toMs + costLimits.closeAfterMs });
    expect(await world.ports.ledger.statements(month)).toEqual([]);
  });

  it('counts, against a card each, from a tenant’s creation or the start of the month', async () => {
    const world = await createCostWorld();
    await world.addTenant({ tenantId: 'late', createdAtMs: toMs - hourMs });
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 0 });
    await world.job({ tenantId: 'late', workerId: 'w1', gpuMs: 1_000 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 1_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(outcome).toMatchObject({ statements: [{ dedicatedMs: hourMs + toMs - fromMs }] });
  });
});

describe('a close that finds other figures than the one that died before it', () => {
  /** A share was written, then its process died; since then a job settled that came late. */
  async function dieAfterOneShare() {
    const world = await createCostWorld();
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 0 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 1_000 });
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 1_000 });
    await expect(closeMonth(dyingAfter(world.ports, 1), month)).rejects.toThrow('died');
    return world;
  }

  it('leaves the shares that stand, and puts the difference on the operator’s line', async () => {
    const world = await dieAfterOneShare();
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 2_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(await world.shareOf('tenant-a')).toEqual({ coldStart: 0, idle: 4_000 });
    expect(await world.shareOf('tenant-b')).toEqual({ coldStart: 0, idle: 4_500 });
    expect(outcome).toMatchObject({ statements: [{ idleUsdMicros: 8_500, operatorUsdMicros: -2_500 }] });
  });

  it('counts a share of a tenant that it would have asked for nothing', async () => {
    const world = await dieAfterOneShare();
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 8_000 });

    const outcome = await closeMonth(world.ports, month);

    expect(await world.shareOf('tenant-b')).toEqual(nothing);
    expect(outcome).toMatchObject({ statements: [{ idleUsdMicros: 4_000, operatorUsdMicros: -4_000 }] });
  });

  it('states the share that is there, though the list does not show it yet', async () => {
    const world = await dieAfterOneShare();
    await world.job({ tenantId: 'tenant-b', workerId: 'w1', gpuMs: 2_000 });
    const lagging = withLedger(world.ports, {
      async list(...asked) {
        const page = await world.ports.ledger.list(...asked);
        return { ...page, items: page.items.filter(({ kind }) => kind !== 'share') };
      },
    });

    const outcome = await closeMonth(lagging, month);

    expect(outcome).toMatchObject({ statements: [{ idleUsdMicros: 8_500, operatorUsdMicros: -2_500 }] });
  });
});

describe('reading the costs', () => {
  it('says what a close would, before it, and writes nothing; afterwards what the close said', async () => {
    const world = await createCostWorld({ pools: ['fake', 'other'] });
    await world.worker({ workerId: 'w1', livedMs: 10_000, loadMs: 2_000 });
    await world.job({ tenantId: 'tenant-a', workerId: 'w1', gpuMs: 3_000 });

    const before = await readCosts(world.ports, month);
    const unwritten = await world.ports.ledger.statements(month);
    await closeMonth(world.ports, month);
    const after = await readCosts(world.ports, month);

    expect(unwritten).toEqual([]);
    expect(before.map(({ pool, closedAtMs }) => [pool, closedAtMs])).toEqual([
      ['fake', null],
      ['other', null],
    ]);
    const closedAtMs = world.ports.clock.nowMs();
    expect(after).toEqual(before.map((each) => ({ ...each, closedAtMs })));
  });
});

describe('the month that is due', () => {
  it('is the last one that ended eight days ago or longer', () => {
    const at = toMs + costLimits.closeAfterMs;

    expect(dueMonth(at)).toBe(month);
    expect(dueMonth(at - 1)).toBe('203002');
    expect(dueMonth(spanOf('203001').toMs)).toBe('202912');
  });
});

function withLedger(ports: ClosePorts, change: Partial<Ledger>): ClosePorts {
  return { ...ports, ledger: { ...ports.ledger, ...change } };
}

describe('every history of a fleet', () => {
  const tenantIds = ['a', 'b', 'c', 'd'];
  const life = fc.record({
    pool: fc.constantFrom('fake', 'other'),
    // Around both ends of the month, and within it.
    startMs: fc.oneof(
      fc.integer({ min: fromMs - 5_000, max: fromMs + 5_000 }),
      fc.integer({ min: toMs - 5_000, max: toMs + 5_000 }),
      fc.integer({ min: fromMs, max: toMs }),
    ),
    livedMs: fc.nat({ max: 10_000 }),
    loadMs: fc.nat({ max: 12_000 }),
    ended: fc.boolean(),
  });
  const job = fc.record({
    tenantId: fc.constantFrom(...tenantIds),
    worker: fc.nat({ max: 7 }),
    gpuMs: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 2_000 })),
    refunded: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, fc.nat({ max: 100 })),
  });
  const warmup = fc.record({
    tenantId: fc.constantFrom(...tenantIds),
    pool: fc.constantFrom('fake', 'other'),
    usdMicros: fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 20_000 })),
  });
  const history = fc.record({
    usdMicrosPerHour: fc.oneof(fc.nat({ max: 10_000 }), fc.nat({ max: 100_000_000 })),
    budgets: fc.oneof(
      fc.constant<(number | null)[]>([null, null, null, null]),
      fc.array(fc.option(fc.nat({ max: 30_000 })), { minLength: 4, maxLength: 4 }),
    ),
    lives: fc.array(life, { maxLength: 6 }),
    jobs: fc.array(job, { maxLength: 25 }),
    warmups: fc.array(warmup, { maxLength: 5 }),
    /** After which write of the close its process dies. */
    crashes: fc.array(fc.nat({ max: 5 }), { maxLength: 2 }),
  });

  it('adds up to its bill to the micro-USD, however often the close crashes and runs again', async () => {
    let exact = 0;
    await fc.assert(
      fc.asyncProperty(history, async (given) => {
        const world = await createCostWorld({
          pools: ['fake', 'other'],
          usdMicrosPerHour: given.usdMicrosPerHour,
          tenantIds: [],
        });
        for (const [index, tenantId] of tenantIds.entries()) {
          const budget = given.budgets[index] ?? null;
          const overrides = budget === null ? {} : { budget_usd_micros_per_month: Math.max(1, budget) };
          await world.addTenant({ tenantId, overrides });
        }
        for (const [index, each] of given.lives.entries()) await world.life(`w${index}`, each);
        for (const each of given.jobs) {
          const at = given.lives[each.worker];
          const charge = await world.job({
            tenantId: each.tenantId,
            pool: at?.pool ?? 'fake',
            workerId: at === undefined ? null : `w${each.worker}`,
            gpuMs: each.gpuMs,
          });
          if (each.refunded === null || charge.usdMicros === 0) continue;
          const back = Math.floor((charge.usdMicros * each.refunded) / 100);
          await world.ports.ledger.append(refundEntryOf(charge, back, toMs));
        }
        for (const each of given.warmups) await world.warmup(each);
        const before = await world.entries();

        for (const writes of given.crashes) {
          await closeMonth(dyingAfter(world.ports, writes), month).catch(() => undefined);
        }
        await closeMonth(world.ports, month);
        const after = await world.entries();
        const statements = await world.ports.ledger.statements(month);
        const writes = { count: 0 };
        await closeMonth(dyingAfter(world.ports, 0, writes), month);

        expect(writes.count).toBe(0);
        expect(statements.map(({ pool }) => pool)).toEqual(['fake', 'other']);
        expect(after.filter(({ kind }) => kind !== 'share')).toEqual(before);
        const shares = after.filter((entry) => entry.kind === 'share');
        for (const statement of statements) {
          const { pool, operatorUsdMicros } = statement;
          const charges = before.filter(({ kind, pool: of }) => kind !== 'refund' && of === pool);
          const ofPool = shares.filter((share) => share.pool === pool);
          const bill = billOf(given, pool);
          expect(balanceOf(charges) + balanceOf(ofPool) + operatorUsdMicros).toBe(bill);
          const served = new Set(charges.filter(hasRun).map(({ tenantId }) => tenantId));
          expect(statement.chargedUsdMicros).toBe(balanceOf(charges));
          for (const share of ofPool) {
            expect(Math.min(share.parts.coldStart, share.parts.idle)).toBeGreaterThanOrEqual(0);
            expect(served.has(share.tenantId)).toBe(true);
          }
          const isBounded = given.budgets.some((budget) => budget !== null);
          if (!isBounded && served.size > 0 && balanceOf(charges) <= bill) {
            expect(operatorUsdMicros).toBe(0);
            exact += 1;
            expect(isEven(charges, ofPool)).toBe(true);
          }
        }
        for (const [index, tenantId] of tenantIds.entries()) {
          const mine = after.filter((entry) => entry.tenantId === tenantId);
          const paid = balanceOf(mine.filter(({ kind }) => kind !== 'share'));
          const budget = Math.max(1, given.budgets[index] ?? Number.POSITIVE_INFINITY);
          if (balanceOf(mine) > paid) expect(balanceOf(mine)).toBeLessThanOrEqual(budget);
        }
      }),
      { numRuns: 3_000 },
    );
    // The case the rule is there for must have been among them, and not seldom.
    expect(exact).toBeGreaterThan(100);
  }, 60_000);

  function billOf(
    given: { lives: readonly { pool: string; startMs: number; livedMs: number }[]; usdMicrosPerHour: number },
    pool: string,
  ): number {
    const livedMs = given.lives
      .filter((each) => each.pool === pool)
      .map((each) => Math.min(each.startMs + each.livedMs, toMs) - Math.max(each.startMs, fromMs))
      .reduce((sum, ms) => sum + Math.max(0, ms), 0);
    return Math.ceil((livedMs * given.usdMicrosPerHour) / hourMs);
  }
});

/**
 * Whether idle time, warm-ups included, lies evenly on GPU time: who is asked for a share bears no more of it for its GPU
 * time than anybody else who ran, to the micro-USD. Loads lie on workers, so they are left out.
 */
function isEven(charges: readonly LedgerEntry[], shares: readonly LedgerEntry[]): boolean {
  const borne = new Map<string, { gpuMs: number; usdMicros: number; isAsked: boolean }>();
  const add = (tenantId: string, gpuMs: number, usdMicros: number, isAsked: boolean) => {
    const sum = borne.get(tenantId) ?? { gpuMs: 0, usdMicros: 0, isAsked: false };
    sum.gpuMs += gpuMs;
    sum.usdMicros += usdMicros;
    borne.set(tenantId, { ...sum, isAsked: sum.isAsked || isAsked });
  };
  for (const entry of charges) {
    if (isOfJob(entry)) add(entry.tenantId, entry.gpuMs, 0, false);
    else if (entry.kind === 'warmup') add(entry.tenantId, 0, entry.usdMicros, false);
  }
  for (const entry of shares) {
    if (entry.kind === 'share') add(entry.tenantId, 0, entry.parts.idle, entry.parts.idle > 0);
  }
  const all = [...borne.values()].filter(({ gpuMs }) => gpuMs > 0);
  // A micro-USD of rounding each, on either side of the comparison.
  return all
    .filter(({ isAsked }) => isAsked)
    .every((one) =>
      all.every((other) => (one.usdMicros - 1) * other.gpuMs <= (other.usdMicros + 1) * one.gpuMs),
    );
}

function hasRun(entry: LedgerEntry): boolean {
  return entry.kind === 'charge' && entry.gpuMs > 0;
}

/** The ports of a process that dies with the write after the given number of them. */
function dyingAfter(ports: ClosePorts, writesMax: number, writes = { count: 0 }): ClosePorts {
  const counted = <A extends unknown[], R>(write: (...given: A) => Promise<R>) => {
    return async (...given: A): Promise<R> => {
      if (writes.count >= writesMax) {
        writes.count += 1;
        throw new Error('the process died');
      }
      writes.count += 1;
      return write(...given);
    };
  };
  const ledger: Ledger = {
    ...ports.ledger,
    append: counted(ports.ledger.append),
    state: counted(ports.ledger.state),
  };
  return { ...ports, ledger };
}

interface CostWorldOptions {
  readonly nowMs?: number;
  readonly pricing?: Pricing;
  readonly pools?: readonly string[];
  readonly usdMicrosPerHour?: number;
  readonly tenantIds?: readonly string[];
}

async function createCostWorld({
  nowMs = toMs + costLimits.closeAfterMs,
  pricing = 'at_cost',
  pools = ['fake'],
  usdMicrosPerHour = price,
  tenantIds = ['tenant-a', 'tenant-b'],
}: CostWorldOptions = {}) {
  const clock = createManualClock(nowMs);
  const world = createMemoryWorld({ clock, ids: createSeededIds(1) });
  const catalog = createCatalog(
    pools.map((pool) => ({
      ...fakeManifest,
      id: pool === 'fake' ? fakeManifest.id : pool,
      pool,
      usd_micros_per_gpu_hour: usdMicrosPerHour,
    })),
  );
  const costs = costSettings({ pricing, instancePrices: {} }, catalog);
  if (costs.kind !== 'settings') throw new Error('no prices were given that a pool could lack');
  const ports = { ...world, catalog, costs: costs.settings, log: createRecordingLog() };
  let jobs = 0;

  const made = {
    ports,
    async addTenant(overrides: Partial<TenantRecord>) {
      await world.tenants.create(sampleTenant({ createdAtMs: fromMs - hourMs, ...overrides }));
    },
    async life(
      workerId: string,
      given: { pool: string; startMs: number; livedMs: number; loadMs: number; ended: boolean },
    ) {
      const endMs = given.startMs + given.livedMs;
      await world.workers.report(
        sampleWorker({
          workerId,
          pool: given.pool,
          startedAtMs: given.startMs,
          phase: given.ended ? 'ended' : 'serving',
          phaseSinceMs: given.ended ? endMs : given.startMs,
          reportedAtMs: endMs,
          loadMs: given.loadMs,
        }),
      );
    },
    worker: (given: { workerId: string; pool?: string; livedMs: number; loadMs: number }) =>
      made.life(given.workerId, { pool: 'fake', startMs: fromMs + hourMs, ended: true, ...given }),
    async job(given: { tenantId: string; workerId: string | null; gpuMs: number; pool?: string }) {
      jobs += 1;
      const usdMicros = gpuCostUsdMicros(given.gpuMs, usdMicrosPerHour);
      const entry = sampleLedgerEntry({
        pool: 'fake',
        ...given,
        jobId: `job_${jobs}`,
        usdMicros,
        parts: { compute: usdMicros },
      });
      await world.ledger.append(entry);
      return entry;
    },
    async warmup(given: { tenantId: string; usdMicros: number; pool?: string }) {
      jobs += 1;
      await world.ledger.append(sampleWarmup({ pool: 'fake', ...given, warmupId: `warmup_${jobs}` }));
    },
    async shareOf(tenantId: string, pool = 'fake') {
      return (await world.ledger.share(tenantId, month, pool))?.parts ?? null;
    },
    /** Of every tenant, in order. */
    async entries(): Promise<LedgerEntry[]> {
      const entries: LedgerEntry[] = [];
      for (const { tenantId } of (await world.tenants.list()).items) {
        let cursor: string | undefined;
        do {
          const page = await world.ledger.list(tenantId, month, cursor);
          entries.push(...page.items);
          cursor = page.cursor ?? undefined;
        } while (cursor !== undefined);
      }
      return entries;
    },
  };
  for (const tenantId of tenantIds) await made.addTenant({ tenantId });
  return made;
}
