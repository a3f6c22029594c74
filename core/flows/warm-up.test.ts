import { describe, expect, it } from 'vitest';
import { createFlowWorld, fakeManifest, worldPool } from '#sim/memory/flow-world.ts';
import { warmupNoteName, warmupNoteText } from '../admission/warmup-note.ts';
import { monthOf, spendCounter, warmupCounter } from '../admission/windows.ts';
import type { LedgerEntry } from '../billing/ledger.ts';
import { balanceOf } from '../billing/ledger.ts';
import { sweepLimits, warmupLimits } from '../limits.ts';
import { sampleTenant } from '../samples.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import { orderPool } from './order-pool.ts';
import { scale } from './scale.ts';
import { sweep } from './sweep.ts';
import type { WarmUpAsk, WarmUpPorts } from './warm-up.ts';
import { warmUp } from './warm-up.ts';

function byPrice(entries: readonly LedgerEntry[]): LedgerEntry[] {
  return entries.toSorted((left, right) => left.usdMicros - right.usdMicros);
}

/** The fake model's hour costs 3.6 USD: a second is a thousand micro-USD. */
const perSecond = 1_000;
const bounds = { workersMin: 0, workersMax: 3, idleTimeoutMs: 30_000 };

async function setup(overrides: Partial<PlanLimits> = {}) {
  const tenant = sampleTenant({ overrides });
  const { tenantId } = tenant;
  const world = await createFlowWorld({
    tenant,
    manifests: [fakeManifest, { ...fakeManifest, id: 'other', pool: 'other' }],
  });
  const startMs = world.clock.nowMs();
  const month = monthOf(startMs);
  const ask: WarmUpAsk = {
    tenant,
    keyId: 'key00001',
    model: fakeManifest.id,
    granted: null,
    forSeconds: 600,
    idempotencyKey: null,
  };
  const counters = async () => (await world.gates.read(tenantId))?.counters ?? {};
  return {
    world,
    ask,
    startMs,
    counted: async () => {
      const found = await counters();
      return { month: found[spendCounter(month)], day: found[warmupCounter(startMs)] };
    },
    open: async () => (await world.gates.read(tenantId))?.open,
    entries: async () => (await world.ledger.list(tenantId, month)).items,
    standing: async (pool = worldPool) => (await world.pools.read(pool)).orders.warmups,
  };
}

describe('a warm-up', () => {
  it('is paid for at the price of the instance, stands on the pool, and wakes it', async () => {
    const { world, ask, startMs, counted, open, entries, standing } = await setup();

    const outcome = await warmUp(world, ask);

    const untilMs = startMs + 600_000;
    const paid = { fromMs: startMs, untilMs, usdMicros: 600 * perSecond };
    expect(outcome).toMatchObject({ kind: 'kept', entry: { outcome: 'kept', pool: worldPool, ...paid } });
    expect(await entries()).toMatchObject([{ kind: 'warmup', model: fakeManifest.id, ...paid }]);
    expect(await counted()).toEqual({ month: 600 * perSecond, day: 600 * perSecond });
    expect(await open()).toEqual({});
    expect(await standing()).toMatchObject([{ tenantId: 'tenant-a', model: fakeManifest.id, untilMs }]);
    expect((await world.pools.read(worldPool)).state).toBe('waking');
    expect(world.woken).toEqual([worldPool]);
  });

  it('keeps one worker up until its end, and no longer', async () => {
    const { world, ask } = await setup();
    await warmUp(world, ask);
    expect(await scale(world, worldPool, bounds)).toBe(1);
    await world.pools.move(worldPool, ['waking'], 'warm', world.clock.nowMs());

    await world.clock.advance(599_000);
    expect(await scale(world, worldPool, bounds)).toBe(1);
    await world.clock.advance(31_000);

    expect(await scale(world, worldPool, bounds)).toBe(0);
    expect((await world.pools.read(worldPool)).state).toBe('cold');
  });

  it('asked for again pays for the time that it adds, at whatever moment', async () => {
    const { world, ask, startMs, entries, standing } = await setup();
    await warmUp(world, ask);
    await world.clock.advance(100_000);

    const outcome = await warmUp(world, { ...ask, forSeconds: 900 });

    const paid = { fromMs: startMs + 600_000, untilMs: startMs + 1_000_000, usdMicros: 400 * perSecond };
    expect(outcome).toMatchObject({ kind: 'kept', entry: paid });
    expect(balanceOf(await entries())).toBe(1_000 * perSecond);
    expect(await standing()).toMatchObject([{ untilMs: startMs + 1_000_000 }]);
  });

  it('for less time than is left costs nothing and shortens nothing', async () => {
    const { world, ask, startMs, entries, standing } = await setup();
    await warmUp(world, ask);

    const outcome = await warmUp(world, { ...ask, forSeconds: 60 });

    expect(outcome).toMatchObject({ kind: 'kept', entry: { usdMicros: 0, untilMs: startMs + 600_000 } });
    expect(balanceOf(await entries())).toBe(600 * perSecond);
    expect(await standing()).toMatchObject([{ untilMs: startMs + 600_000 }]);
  });

  it('of another tenant or pool pays for its own time', async () => {
    const { world, ask, startMs } = await setup();
    const theirs = sampleTenant({ tenantId: 'tenant-b' });
    await world.tenants.create(theirs);
    await warmUp(world, ask);

    const outcomes = [
      await warmUp(world, { ...ask, tenant: theirs }),
      await warmUp(world, { ...ask, model: 'other' }),
    ];

    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ kind: 'kept', entry: { fromMs: startMs, usdMicros: 600 * perSecond } });
    }
  });

  it('is paid for once by 16 calls at once, with one key and without any', async () => {
    for (const idempotencyKey of ['launch', null]) {
      const { world, ask, counted, open, entries } = await setup();

      const outcomes = await Promise.all(
        Array.from({ length: 16 }, () => warmUp(world, { ...ask, idempotencyKey })),
      );

      expect(outcomes.filter(({ kind }) => kind === 'kept')).toHaveLength(1);
      expect(outcomes.filter(({ kind }) => kind === 'replayed').length).toBeGreaterThan(0);
      expect(await entries()).toHaveLength(1);
      expect(await counted()).toEqual({ month: 600 * perSecond, day: 600 * perSecond });
      expect(await open()).toEqual({});
    }
  });

  it('of many lengths at once pays for no second twice', async () => {
    const { world, ask, startMs, entries } = await setup();
    const lengths = Array.from({ length: 12 }, (_, index) => 60 * (index + 1));

    for (const forSeconds of lengths) void warmUp(world, { ...ask, forSeconds });
    await world.clock.advance(0);
    for (const forSeconds of lengths) await warmUp(world, { ...ask, forSeconds });

    expect(balanceOf(await entries())).toBe(720 * perSecond);
    const { orders } = await world.pools.read(worldPool);
    expect(orders.warmups).toMatchObject([{ untilMs: startMs + 720_000 }]);
  });

  it('under a key is answered again a day long, through the turn of a month, and by no other body', async () => {
    const { world, ask, entries } = await setup();
    await world.clock.advance(Date.UTC(2030, 2, 31, 23, 59, 59) - world.clock.nowMs());
    const keyed = { ...ask, idempotencyKey: 'launch' };
    const first = await warmUp(world, keyed);
    await world.clock.advance(60_000);

    const again = await warmUp(world, keyed);
    const other = await warmUp(world, { ...keyed, forSeconds: 700 });
    const elsewhere = await warmUp(world, { ...keyed, model: 'other' });

    expect(again).toEqual({ kind: 'replayed', entry: first.kind === 'kept' ? first.entry : null });
    expect([other.kind, elsewhere.kind]).toEqual(['mismatch', 'mismatch']);
    expect(await entries()).toHaveLength(1);
    expect((await world.ledger.list('tenant-a', '203004')).items).toEqual([]);
  });

  it('is remembered by the pool for a while after its end, and then forgotten', async () => {
    const { world, ask, standing } = await setup();
    await warmUp(world, ask);
    await world.clock.advance(600_000 + warmupLimits.rememberedMs);
    await scale(world, worldPool, bounds);
    expect(await standing()).toHaveLength(1);

    await world.clock.advance(1);
    await scale(world, worldPool, bounds);

    expect(await standing()).toEqual([]);
  });

  it('lights a fresh worker after a drain, and after a resume', async () => {
    const { world, ask } = await setup();
    await warmUp(world, ask);
    await scale(world, worldPool, bounds);
    await world.pools.move(worldPool, ['waking'], 'warm', world.clock.nowMs());

    await orderPool(world, worldPool, { kind: 'drain', atMs: world.clock.nowMs() });
    await world.clock.advance(10_000);
    expect(await scale(world, worldPool, bounds)).toBe(1);
    expect((await world.pools.read(worldPool)).state).toBe('waking');
    expect(world.fleet.orders).toEqual([1, 0, 1].map((desired) => ({ pool: worldPool, desired })));
  });
});

describe('a warm-up is refused', () => {
  it('by the cap of the day, which a price that fits next to it does not pass', async () => {
    const { world, ask, counted, open, entries } = await setup({
      warmup_usd_micros_per_day: 100 * perSecond,
    });

    const first = await warmUp(world, { ...ask, forSeconds: 90 });
    const second = await warmUp(world, { ...ask, forSeconds: 101 });

    expect(first.kind).toBe('kept');
    expect(second).toMatchObject({
      kind: 'refused',
      refusal: { limit: 'warmup_usd_micros_per_day', used: 90 * perSecond, max: 100 * perSecond },
    });
    expect(await counted()).toEqual({ month: 90 * perSecond, day: 90 * perSecond });
    expect(await entries()).toHaveLength(1);
    expect(await open()).toEqual({});
  });

  it('by a cap of nothing, also where it would cost nothing', async () => {
    const { world, ask } = await setup({ warmup_usd_micros_per_day: 0 });
    const costs = { usdMicrosPerHour: () => 0 };

    expect(await warmUp({ ...world, costs }, ask)).toMatchObject({
      kind: 'refused',
      refusal: { limit: 'warmup_usd_micros_per_day', max: 0, retryAfterSeconds: null },
    });
  });

  it('by the hard budget of the month, and by the limits of requests', async () => {
    const broke = await setup({ budget_usd_micros_per_month: 599 * perSecond });
    const hasty = await setup({ requests_per_minute: 1 });
    await warmUp(hasty.world, hasty.ask);

    expect(await warmUp(broke.world, broke.ask)).toMatchObject({
      kind: 'refused',
      refusal: { limit: 'budget_usd_micros_per_month' },
    });
    expect(await warmUp(hasty.world, { ...hasty.ask, forSeconds: 700 })).toMatchObject({
      kind: 'refused',
      refusal: { limit: 'requests_per_minute', used: 1 },
    });
  });

  it('by a suspended tenant’s gate, by a paused pool, and by a model that there is not or is not granted', async () => {
    const { world, ask, open, entries } = await setup();
    await world.tenants.update({ ...world.tenant, status: 'suspended', version: 2 });
    expect(await warmUp(world, ask)).toMatchObject({ kind: 'refused', refusal: { limit: 'suspended' } });
    await world.tenants.update({ ...world.tenant, version: 3 });
    await orderPool(world, worldPool, { kind: 'pause', atMs: world.clock.nowMs() });

    expect(await warmUp(world, ask)).toEqual({ kind: 'paused' });
    expect(await warmUp(world, { ...ask, model: 'none' })).toEqual({ kind: 'model_not_found' });
    expect(await warmUp(world, { ...ask, granted: ['other'] })).toEqual({ kind: 'model_not_granted' });
    expect(await entries()).toEqual([]);
    expect(await open()).toEqual({});
  });

  it('and takes no place of an open job: a tenant whose jobs are all open is let in', async () => {
    const { world, ask } = await setup({ open_jobs_max: 1 });
    await world.gates.note('tenant-a', 'some-job', 'a reservation');

    expect((await warmUp(world, ask)).kind).toBe('kept');
  });
});

describe('a pool that is paused in between', () => {
  it('takes no warm-up, and the tenant pays nothing; after the resume the same request is kept', async () => {
    const { world, ask, counted, open, entries, standing } = await setup();
    const pausing: WarmUpPorts = {
      ...world,
      gates: {
        ...world.gates,
        async admit(...asked) {
          const outcome = await world.gates.admit(...asked);
          await world.pools.order(worldPool, { kind: 'pause', atMs: world.clock.nowMs() });
          return outcome;
        },
      },
    };

    const outcome = await warmUp(pausing, ask);
    await world.pools.order(worldPool, { kind: 'resume' });
    const again = await warmUp(world, ask);
    const later = await warmUp(world, { ...ask, forSeconds: 601 });

    expect([outcome.kind, again.kind, later.kind]).toEqual(['paused', 'kept', 'kept']);
    expect(byPrice(await entries())).toMatchObject([
      { outcome: 'not_kept', usdMicros: 0 },
      { outcome: 'kept', usdMicros: 1 * perSecond },
      { outcome: 'kept', usdMicros: 600 * perSecond },
    ]);
    expect(await counted()).toEqual({ month: 601 * perSecond, day: 601 * perSecond });
    expect(await open()).toEqual({});
    expect(await standing()).toHaveLength(1);
  });

  it('gives back the warm-up before it: what was paid for earlier still stands', async () => {
    const { world, ask, startMs, standing, entries } = await setup();
    await warmUp(world, ask);
    const pausedFirst: WarmUpPorts = {
      ...world,
      ledger: {
        ...world.ledger,
        async append(entry) {
          // Another finisher, which found the pool paused, came first.
          if (entry.kind === 'warmup')
            await world.ledger.append({ ...entry, outcome: 'not_kept', usdMicros: 0 });
          return world.ledger.append(entry);
        },
      },
    };

    const outcomes: string[] = [];
    for (let call = 0; call < 3; call += 1) {
      outcomes.push((await warmUp(pausedFirst, { ...ask, forSeconds: 900 })).kind);
    }

    expect(outcomes).toEqual(['in_flight', 'in_flight', 'not_kept']);
    expect(await entries()).toHaveLength(1 + warmupLimits.attemptsMax);
    expect(await standing()).toMatchObject([{ untilMs: startMs + 600_000 }]);
    expect(balanceOf(await entries())).toBe(600 * perSecond);
  });
});

describe('a warm-up that finds another of its tenant’s before it', () => {
  it('tries again from there, and pays for what it adds', async () => {
    const { world, ask, startMs, counted, entries } = await setup();
    let isFirst = true;
    const overtaken: WarmUpPorts = {
      ...world,
      gates: {
        ...world.gates,
        async admit(...asked) {
          if (isFirst) {
            isFirst = false;
            await warmUp(world, { ...ask, idempotencyKey: 'other' });
          }
          return world.gates.admit(...asked);
        },
      },
    };

    const outcome = await warmUp(overtaken, { ...ask, forSeconds: 700 });

    expect(outcome).toMatchObject({
      kind: 'kept',
      entry: { fromMs: startMs + 600_000, usdMicros: 100 * perSecond },
    });
    expect(balanceOf(await entries())).toBe(700 * perSecond);
    expect(await counted()).toEqual({ month: 700 * perSecond, day: 700 * perSecond });
  });
});

describe('a crash in a warm-up', () => {
  const killed = () => Promise.reject(new Error('killed'));

  /** The ports of a process that dies as it makes this call, before or after the call has its effect. */
  const dying: readonly [string, (world: WarmUpPorts) => WarmUpPorts][] = [
    [
      'after admission',
      (world) => ({
        ...world,
        gates: { ...world.gates, admit: (...of) => world.gates.admit(...of).then(killed) },
      }),
    ],
    ['before the pool takes it', (world) => ({ ...world, pools: { ...world.pools, order: killed } })],
    [
      'after the pool took it',
      (world) => ({
        ...world,
        pools: { ...world.pools, order: (...of) => world.pools.order(...of).then(killed) },
      }),
    ],
    ['before the ledger', (world) => ({ ...world, ledger: { ...world.ledger, append: killed } })],
    [
      'after the ledger',
      (world) => ({
        ...world,
        ledger: { ...world.ledger, append: (entry) => world.ledger.append(entry).then(killed) },
      }),
    ],
    ['before the note goes', (world) => ({ ...world, gates: { ...world.gates, release: killed } })],
    [
      'after the note went',
      (world) => ({
        ...world,
        gates: { ...world.gates, release: (...of) => world.gates.release(...of).then(killed) },
      }),
    ],
  ];

  it.each(dying)('%s is mended by the sweep, once', async (_when, die) => {
    const { world, ask, startMs, counted, open, entries, standing } = await setup();
    await expect(warmUp(die(world), ask)).rejects.toThrow('killed');

    await Promise.all([sweep(world), sweep(world)]);
    await sweep(world);

    expect(await entries()).toMatchObject([{ outcome: 'kept', usdMicros: 600 * perSecond }]);
    expect(await counted()).toEqual({ month: 600 * perSecond, day: 600 * perSecond });
    expect(await open()).toEqual({});
    expect(await standing()).toMatchObject([{ untilMs: startMs + 600_000 }]);
    expect((await world.pools.read(worldPool)).state).toBe('waking');
  });

  it.each(dying)('%s is mended by asking again, and paid for once', async (_when, die) => {
    const { world, ask, startMs, counted, open, entries, standing } = await setup();
    const keyed = { ...ask, idempotencyKey: 'launch' };
    await expect(warmUp(die(world), keyed)).rejects.toThrow('killed');

    const again = await warmUp(world, keyed);
    await sweep(world);

    expect(again).toMatchObject({ kind: 'replayed', entry: { usdMicros: 600 * perSecond } });
    expect(await entries()).toHaveLength(1);
    expect(await counted()).toEqual({ month: 600 * perSecond, day: 600 * perSecond });
    expect(await open()).toEqual({});
    expect(await standing()).toMatchObject([{ untilMs: startMs + 600_000 }]);
  });

  it.each(dying)('%s is followed by another warm-up, which pays for what it adds', async (_when, die) => {
    const { world, ask, entries } = await setup();
    await expect(warmUp(die(world), ask)).rejects.toThrow('killed');
    await world.clock.advance(60_000);

    const next = await warmUp(world, ask);
    await sweep(world);

    expect(next).toMatchObject({ kind: 'kept', entry: { usdMicros: 60 * perSecond } });
    expect(balanceOf(await entries())).toBe(660 * perSecond);
  });

  it('that is found after its time was over gives the money back and keeps nothing up', async () => {
    const { world, ask, counted, open, entries, standing } = await setup();
    const [, die] = dying[1] ?? [];
    await expect(warmUp(die?.(world) ?? world, { ...ask, forSeconds: 60 })).rejects.toThrow('killed');
    await world.clock.advance(60_000);

    await sweep(world);

    expect(await entries()).toMatchObject([{ outcome: 'not_kept', usdMicros: 0 }]);
    expect(await counted()).toEqual({ month: 0, day: 0 });
    expect(await open()).toEqual({});
    expect(await standing()).toEqual([]);
  });

  it('while its process is held up: it does as was decided without it', async () => {
    const { world, ask, counted, entries, standing } = await setup();
    const held: WarmUpPorts = {
      ...world,
      pools: {
        ...world.pools,
        async order(...of) {
          await world.clock.advance(700_000);
          await sweep(world);
          return world.pools.order(...of);
        },
      },
    };

    const outcome = await warmUp(held, ask);

    expect(outcome.kind).toBe('in_flight');
    expect(balanceOf(await entries())).toBe(0);
    expect(await counted()).toEqual({ month: 0, day: 0 });
    expect(await standing()).toEqual([]);
  });

  it('between the pool and its waking is left to the scaler’s tick', async () => {
    const { world, ask } = await setup();
    const scaler = { wake: killed };

    expect((await warmUp({ ...world, scaler }, ask)).kind).toBe('kept');
    expect(world.log.events()).toContain('warmup.left_to_tick');
    expect(await scale(world, worldPool, bounds)).toBe(1);
  });

  it('leaves a note that nobody can read to be dropped by the sweep', async () => {
    const { world, open, counted, entries } = await setup();
    await world.gates.note('tenant-a', warmupNoteName(worldPool), 'not a note');

    await sweep(world);

    expect(await open()).toEqual({});
    expect(await entries()).toEqual([]);
    expect(await counted()).toEqual({ month: undefined, day: undefined });
  });

  it('leaves budgets long past alone', async () => {
    const { world, open, counted } = await setup();
    const atMs = world.clock.nowMs() - 60 * 24 * 60 * sweepLimits.everyMs;
    const note = {
      ...{ warmupId: 'warmup_old', keyId: 'key00001', model: 'm', fingerprint: null, previous: null },
      ...{ fromMs: atMs, untilMs: atMs + 1, usdMicros: 5, atMs, token: 'x' },
    };
    await world.gates.note('tenant-a', warmupNoteName(worldPool), warmupNoteText(note));

    await sweep(world);

    expect(await open()).toEqual({});
    expect(await counted()).toEqual({ month: undefined, day: undefined });
    expect((await world.gates.read('tenant-a'))?.counters).toEqual({});
  });
});
