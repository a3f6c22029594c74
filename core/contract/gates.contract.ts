/** Promises of the `Gates` port: tenancy's arithmetic of `admission/gate.ts`, held under parallel callers. */
import { describe, expect, it } from 'vitest';
import type { AdmissionAsk, Demand, GateView, Refusal } from '../admission/gate.ts';
import { planAdmission } from '../admission/gate.ts';
import type { CounterCorrection } from '../admission/reservation.ts';
import { trueUp as correctionsOf, readToken } from '../admission/reservation.ts';
import { dayOf, lastingBucket } from '../admission/stored-bytes.ts';
import { planWarmup } from '../admission/warmup-ask.ts';
import { gpuCounter, monthOf, spendCounter, warmupCounter } from '../admission/windows.ts';
import { gateLimits } from '../limits.ts';
import type { AdmitOutcome, Release } from '../ports/gates.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import type { Scene } from './scene.ts';
import { allPages, atOnce } from './scene.ts';

const dayMs = 24 * 60 * 60 * 1000;
const wide: PlanLimits = { weight: 1, open_jobs_max: 500 };

export function gatesContract(scene: Scene): void {
  describe('Gates', () => {
    describe('admit', () => admit(scene));
    describe('admit under parallel callers', () => admitInParallel(scene));
    describe('admit, of warm-ups', () => admitWarmups(scene));
    describe('release', () => release(scene));
    describe('what is stored', () => stored(scene));
    describe('start and stop', () => startAndStop(scene));
    describe('note', () => note(scene));
    describe('lift', () => lift(scene));
    describe('listOpen and rest', () => listOpenAndRest(scene));
  });
}

function admit(scene: Scene): void {
  it('takes everything the ask names at once', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, { ...wide, requests_per_minute: 5, requests_per_day: 9, images_per_minute: 8 });

    const outcome = await scene.ports.gates.admit(tenantId, ask);

    const gate: GateView = {
      tenantId,
      open: { [ask.jobId]: ask.token },
      counters: Object.fromEntries(ask.counters.map(({ name, add }) => [name, add])),
      finishTags: { [ask.line]: ask.tagCost },
      stored: {},
      status: 'active',
    };
    expect(outcome).toEqual({ kind: 'admitted', finishTag: ask.tagCost, gate });
    expect(await scene.ports.gates.read(tenantId)).toEqual(gate);
  });

  it('adds up what several asks take, and a finish tag per pool', async () => {
    const tenantId = await scene.tenant();
    const limits = { ...wide, images_per_minute: 100 };
    const first = plan(scene, limits, { images: 3, tagCost: 70 });
    const second = plan(scene, limits, { images: 4, tagCost: 30, line: first.line });
    const elsewhere = plan(scene, limits, { images: 5, tagCost: 11, line: 'pool-elsewhere' });

    const finishTags: number[] = [];
    for (const ask of [first, second, elsewhere])
      finishTags.push((await admitted(scene, tenantId, ask)).finishTag);

    const gate = await view(scene, tenantId);
    expect(finishTags).toEqual([70, 100, 11]);
    expect(gate.finishTags).toEqual({ [first.line]: 100, 'pool-elsewhere': 11 });
    expect(Object.keys(gate.open)).toHaveLength(3);
    expect(gate.counters[imagesCounter(first)]).toBe(12);
  });

  it.each<[Refusal['limit'], Partial<PlanLimits>, Partial<Demand>, { used: number; max: number }]>([
    ['requests_per_second', { requests_per_second: 1, requests_burst: 3 }, {}, { used: 3, max: 3 }],
    ['requests_per_minute', { requests_per_minute: 1 }, {}, { used: 1, max: 1 }],
    ['gpu_seconds_per_month', { gpu_seconds_per_month: 1 }, { gpuMs: 501 }, { used: 501, max: 1_000 }],
    ['requests_per_day', { requests_per_day: 1 }, {}, { used: 1, max: 1 }],
    ['images_per_minute', { images_per_minute: 5 }, { images: 3 }, { used: 3, max: 5 }],
    ['tokens_per_minute', { tokens_per_minute: 50 }, { tokens: 26 }, { used: 26, max: 50 }],
    [
      'budget_usd_micros_per_month',
      { budget_usd_micros_per_month: 1_000 },
      { reservedUsdMicros: 501 },
      { used: 501, max: 1_000 },
    ],
    ['open_jobs_max', { open_jobs_max: 1 }, {}, { used: 1, max: 1 }],
  ])(
    'refuses past %s by name, says when to come back and takes nothing',
    async (limit, limits, demand, bound) => {
      const tenantId = await scene.tenant();
      const bounds = { ...wide, ...limits };
      const nowMs = scene.clock.nowMs();
      for (let burst = bounds.requests_burst ?? 1; burst > 0; burst -= 1) {
        await admitted(scene, tenantId, plan(scene, bounds, demand, nowMs));
      }
      const before = await view(scene, tenantId);

      const ask = plan(scene, bounds, demand, nowMs);
      const refusal = await refused(scene, tenantId, ask);

      const window = ask.counters.find((counter) => counter.limit === limit);
      const waitSecondsMax =
        window === undefined
          ? gateLimits.concurrencyRetrySeconds
          : Math.ceil((window.resetsAtMs - nowMs) / 1000);
      expect(refusal).toMatchObject({ limit, ...bound });
      expect(refusal.retryAfterSeconds).toBeGreaterThanOrEqual(1);
      expect(refusal.retryAfterSeconds).toBeLessThanOrEqual(Math.max(1, waitSecondsMax));
      expect(await view(scene, tenantId)).toEqual(before);
    },
  );

  it('refuses what fits no window at all without a time to come back at, and takes nothing', async () => {
    const tenantId = await scene.tenant();

    const refusal = await refused(
      scene,
      tenantId,
      plan(scene, { ...wide, images_per_minute: 3 }, { images: 4 }),
    );

    expect(refusal).toEqual({ limit: 'images_per_minute', used: 0, max: 3, retryAfterSeconds: null });
    expect(await view(scene, tenantId)).toMatchObject({ open: {}, counters: {} });
  });

  it('refuses every new job under limits that were lowered below what is open, until enough have ended', async () => {
    const tenantId = await scene.tenant();
    const asks = Array.from({ length: 3 }, () => plan(scene, { ...wide, open_jobs_max: 3 }));
    for (const ask of asks) await admitted(scene, tenantId, ask);
    const lowered = { ...wide, open_jobs_max: 1 };

    expect(await refused(scene, tenantId, plan(scene, lowered))).toMatchObject({ used: 3, max: 1 });
    for (const ask of asks) await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));

    await admitted(scene, tenantId, plan(scene, lowered));
  });

  it('fills every limit to the brim', async () => {
    const tenantId = await scene.tenant();
    const limits: PlanLimits = {
      weight: 1,
      open_jobs_max: 1,
      requests_per_second: 1,
      requests_per_minute: 1,
      requests_per_day: 1,
      images_per_minute: 4,
      tokens_per_minute: 7,
      gpu_seconds_per_month: 1,
      budget_usd_micros_per_month: 400,
    };

    const brim = { images: 4, tokens: 7, gpuMs: 1_000, reservedUsdMicros: 400 };
    await admitted(scene, tenantId, plan(scene, limits, brim));
  });

  it('counts a new window from zero', async () => {
    const tenantId = await scene.tenant();
    const limits = { ...wide, requests_per_minute: 1 };
    const nowMs = scene.clock.nowMs();
    await admitted(scene, tenantId, plan(scene, limits, {}, nowMs));

    await admitted(scene, tenantId, plan(scene, limits, {}, nowMs + 60_000));
  });

  it('answers `duplicate` to a second reservation of a name and takes nothing', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    const before = await view(scene, tenantId);

    const other = plan(scene, wide, { jobId: ask.jobId });
    const outcome = await scene.ports.gates.admit(tenantId, other);

    expect(outcome).toEqual({ kind: 'duplicate' });
    expect(await view(scene, tenantId)).toEqual(before);
  });

  it('answers `admitted` to a retry that sees its own write, and takes nothing more', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, { ...wide, requests_per_minute: 1, open_jobs_max: 1 });
    const first = await admitted(scene, tenantId, ask);

    const again = await scene.ports.gates.admit(tenantId, ask);

    expect(again).toEqual(first);
    expect(await view(scene, tenantId)).toEqual(first.gate);
  });

  it('takes nothing for a copy that comes after the release, and admits the name under another token', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, { ...wide, requests_per_minute: 2, open_jobs_max: 1 });
    await admitted(scene, tenantId, ask);
    await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));
    const before = await view(scene, tenantId);

    expect(await scene.ports.gates.admit(tenantId, ask)).toEqual({ kind: 'duplicate' });
    expect(await view(scene, tenantId)).toEqual(before);
    await admitted(scene, tenantId, plan(scene, wide, { jobId: ask.jobId }));
    expect(await scene.ports.gates.admit(tenantId, ask)).toEqual({ kind: 'duplicate' });
  });

  it('answers `no_tenant` without a gate, and makes none', async () => {
    const tenantId = scene.tenantId();

    expect(await scene.ports.gates.admit(tenantId, plan(scene, wide))).toEqual({ kind: 'no_tenant' });
    expect(await scene.ports.gates.read(tenantId)).toBeNull();
  });

  it('refuses everything to a suspended tenant', async () => {
    const tenantId = await scene.tenant({ status: 'suspended' });

    const refusal = await refused(scene, tenantId, plan(scene, wide));

    expect(refusal.limit).toBe('suspended');
    expect(await view(scene, tenantId)).toMatchObject({ open: {}, counters: {}, status: 'suspended' });
  });

  it('keeps the gates of two tenants apart', async () => {
    const mine = await scene.tenant();
    const theirs = await scene.tenant();
    const limits = { ...wide, open_jobs_max: 1 };

    await admitted(scene, mine, plan(scene, limits));
    await admitted(scene, theirs, plan(scene, limits));
  });
}

function admitInParallel(scene: Scene): void {
  it('never opens more jobs than allowed: 200 callers, 3 places, 3 admitted', async () => {
    const tenantId = await scene.tenant();
    const limits = { ...wide, open_jobs_max: 3, requests_per_minute: 1_000 };
    const nowMs = scene.clock.nowMs();

    const outcomes = await atOnce(200, () =>
      scene.ports.gates.admit(tenantId, plan(scene, limits, {}, nowMs)),
    );

    const gate = await view(scene, tenantId);
    expect(kinds(outcomes)).toEqual({ admitted: 3, refused: 197 });
    expect(Object.keys(gate.open)).toHaveLength(3);
    expect(Object.values(gate.finishTags)).toEqual([300]);
    expect(gate.counters[spendCounter(monthOf(nowMs))]).toBe(1_200);
  });

  it('never counts past a window: 120 callers, 50 a minute, 50 admitted', async () => {
    const tenantId = await scene.tenant();
    const limits = { ...wide, requests_per_minute: 50 };
    const nowMs = scene.clock.nowMs();

    const outcomes = await atOnce(120, () =>
      scene.ports.gates.admit(tenantId, plan(scene, limits, {}, nowMs)),
    );

    expect(kinds(outcomes)).toEqual({ admitted: 50, refused: 70 });
    expect(Object.keys((await view(scene, tenantId)).open)).toHaveLength(50);
  });

  it('never counts past two windows at once, when the clocks of callers are on both sides of a boundary', async () => {
    const tenantId = await scene.tenant();
    const limits = { ...wide, requests_per_second: 6, requests_per_minute: 8, images_per_minute: 24 };
    const nowMs = scene.clock.nowMs();
    const asks = Array.from({ length: 60 }, (_, index) =>
      plan(scene, limits, { images: 2 }, nowMs + 60_000 * (index % 2)),
    );

    const outcomes = await atOnce(60, (index) =>
      scene.ports.gates.admit(tenantId, asks[index] ?? plan(scene, limits)),
    );

    const { counters } = await view(scene, tenantId);
    const counted = (limit: string) =>
      Object.entries(counters).flatMap(([name, used]) => (name.startsWith(`${limit}@`) ? [used] : []));
    expect(kinds(outcomes)).toEqual({ admitted: 12, refused: 48 });
    expect(counted('requests_per_second')).toEqual([6, 6]);
    expect(counted('requests_per_minute')).toEqual([6, 6]);
    expect(counted('images_per_minute')).toEqual([12, 12]);
  });

  it('takes one reservation of a name, whatever the number of callers', async () => {
    const tenantId = await scene.tenant();
    const jobId = scene.jobId();

    const outcomes = await atOnce(32, () => scene.ports.gates.admit(tenantId, plan(scene, wide, { jobId })));

    expect(kinds(outcomes)).toEqual({ admitted: 1, duplicate: 31 });
  });

  it('gives every admission a finish tag of its own', async () => {
    const tenantId = await scene.tenant();

    const outcomes = await atOnce(40, () => scene.ports.gates.admit(tenantId, plan(scene, wide)));

    const tags = outcomes.flatMap((outcome) => (outcome.kind === 'admitted' ? [outcome.finishTag] : []));
    expect(tags.toSorted((left, right) => left - right)).toEqual(
      Array.from({ length: 40 }, (_, index) => (index + 1) * 100),
    );
  });
}

function admitWarmups(scene: Scene): void {
  const capped: PlanLimits = { ...wide, open_jobs_max: 1, warmup_usd_micros_per_day: 1_000 };
  const ask = (name: string, text: string) => {
    const demand = { name, text, line: 'demo#interactive', usdMicros: 150 };
    return planWarmup(capped, demand, scene.clock.nowMs());
  };

  it('takes one of 16 under one name, and leaves its text as the note', async () => {
    const tenantId = await scene.tenant();

    const outcomes = await atOnce(16, (index) =>
      scene.ports.gates.admit(tenantId, ask('warmup.demo', `{"try":${index}}`)),
    );

    const kinds = outcomes.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'admitted')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'duplicate')).toHaveLength(15);
    expect((await view(scene, tenantId)).open).toEqual({
      'warmup.demo': `{"try":${kinds.indexOf('admitted')}}`,
    });
  });

  it('never passes the cap of the day, though no number of open ones is too many, and gives back what is released', async () => {
    const tenantId = await scene.tenant();
    const nowMs = scene.clock.nowMs();
    const counters = [warmupCounter(nowMs), spendCounter(monthOf(nowMs))];

    const outcomes = await atOnce(16, (index) =>
      scene.ports.gates.admit(tenantId, ask(`warmup.pool-${index}`, 'text')),
    );
    const used = async () => {
      const gate = await view(scene, tenantId);
      return counters.map((counter) => gate.counters[counter]);
    };

    expect(outcomes.filter(({ kind }) => kind === 'admitted')).toHaveLength(6);
    expect(outcomes.find(({ kind }) => kind === 'refused')).toMatchObject({
      refusal: { limit: 'warmup_usd_micros_per_day', used: 900, max: 1_000 },
    });
    expect(await used()).toEqual([900, 900]);
    const admittedAt = outcomes.findIndex(({ kind }) => kind === 'admitted');
    const corrections = counters.map((counter) => ({ counter, delta: -150 }));
    const trueUp = { token: 'text', corrections, finishTag: null };
    expect(await scene.ports.gates.release(tenantId, `warmup.pool-${admittedAt}`, trueUp)).toBe('released');
    expect(await scene.ports.gates.release(tenantId, `warmup.pool-${admittedAt}`, trueUp)).toBe('gone');
    expect(await used()).toEqual([750, 750]);
  });
}

function release(scene: Scene): void {
  it('removes the reservation and trues up the month and the finish tag', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);

    const outcome = await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));

    const gate = await view(scene, tenantId);
    expect(outcome).toBe('released');
    expect(gate.open).toEqual({});
    expect(gate.counters).toEqual({ [spendCounter(monthOf(scene.clock.nowMs()))]: 250 });
    expect(gate.finishTags).toEqual({ [ask.line]: 60 });
  });

  it('frees the place for another job', async () => {
    const tenantId = await scene.tenant();
    const limits = { ...wide, open_jobs_max: 1 };
    const ask = plan(scene, limits);
    await admitted(scene, tenantId, ask);
    await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));

    await admitted(scene, tenantId, plan(scene, limits));
  });

  it('answers `gone` the second time and trues up nothing more', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));
    const before = await view(scene, tenantId);

    expect(await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask))).toBe('gone');
    expect(await view(scene, tenantId)).toEqual(before);
  });

  it('lets exactly one of 32 parallel releases through', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);

    const outcomes = await atOnce(32, () => scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask)));

    expect(outcomes.filter((outcome) => outcome === 'released')).toHaveLength(1);
    expect((await view(scene, tenantId)).finishTags).toEqual({ [ask.line]: 60 });
  });

  it('leaves a reservation alone that carries another token', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    const before = await view(scene, tenantId);
    const other = plan(scene, wide, { jobId: ask.jobId });

    expect(await scene.ports.gates.release(tenantId, ask.jobId, trueUp(other))).toBe('gone');
    expect(await view(scene, tenantId)).toEqual(before);
  });

  it('trues up the month in which the reservation was taken', async () => {
    const tenantId = await scene.tenant();
    const lastMonthMs = scene.clock.nowMs() - 32 * dayMs;
    const ask = plan(scene, wide, {}, lastMonthMs);
    await admitted(scene, tenantId, ask);
    await admitted(scene, tenantId, plan(scene, wide));

    await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));

    const { counters } = await view(scene, tenantId);
    expect(counters[spendCounter(monthOf(lastMonthMs))]).toBe(250);
    expect(counters[spendCounter(monthOf(scene.clock.nowMs()))]).toBe(400);
  });

  it('takes a true-up above what was reserved', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);

    await scene.ports.gates.release(tenantId, ask.jobId, {
      ...trueUp(ask),
      corrections: [spend(ask, 5)],
      finishTag: { line: ask.line, delta: 7 },
    });

    const gate = await view(scene, tenantId);
    expect(gate.counters[spendCounter(monthOf(scene.clock.nowMs()))]).toBe(405);
    expect(gate.finishTags).toEqual({ [ask.line]: 107 });
  });

  it('corrects every counter it is given, in the one write that removes the reservation', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, { ...wide, gpu_seconds_per_month: 5 }, { gpuMs: 900 });
    await admitted(scene, tenantId, ask);
    const reserved = readToken(ask.token);
    if (reserved === null) throw new Error('the token of an ask reads back');

    await scene.ports.gates.release(tenantId, ask.jobId, {
      token: ask.token,
      corrections: correctionsOf(reserved, { usdMicros: 250, gpuMs: 300 }),
      finishTag: null,
    });

    const month = monthOf(reserved.admittedAtMs);
    expect((await view(scene, tenantId)).counters).toEqual({
      [spendCounter(month)]: 250,
      [gpuCounter(month)]: 300,
    });
  });

  it('never leaves a counter below zero that was forgotten with its window', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    const forgotten = { counter: 'budget_usd_micros_per_month@202001', delta: -150 };

    await scene.ports.gates.release(tenantId, ask.jobId, { ...trueUp(ask), corrections: [forgotten] });

    expect((await view(scene, tenantId)).counters[forgotten.counter]).toBe(0);
  });

  it('leaves the finish tag alone when there is nothing to correct', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);

    const outcome = await scene.ports.gates.release(tenantId, ask.jobId, {
      ...trueUp(ask),
      corrections: [],
      finishTag: null,
    });

    const gate = await view(scene, tenantId);
    expect(outcome).toBe('released');
    expect(gate.counters[spendCounter(monthOf(scene.clock.nowMs()))]).toBe(400);
    expect(gate.finishTags).toEqual({ [ask.line]: 100 });
  });

  it('answers `gone` without a gate, and makes none', async () => {
    const tenantId = scene.tenantId();
    const ask = plan(scene, wide);

    expect(await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask))).toBe('gone');
    expect(await scene.ports.gates.read(tenantId)).toBeNull();
  });
}

/** Of files that go so many days from now, in a tenant that may keep 1,000 bytes. */
function stored(scene: Scene): void {
  const limits = { ...wide, storage_gb_max: 0.000_001 };
  const bucketIn = (days: number) => String(dayOf(scene.clock.nowMs()) + days);
  const store = async (tenantId: string, days: number, bytes: number) => {
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    const release = { ...trueUp(ask), stored: { bucket: bucketIn(days), bytes } };
    return { ask, release, outcome: await scene.ports.gates.release(tenantId, ask.jobId, release) };
  };

  it('is counted by the write that removes the reservation, and by no other', async () => {
    const tenantId = await scene.tenant();

    const { ask, release, outcome } = await store(tenantId, 3, 400);
    const again = await scene.ports.gates.release(tenantId, ask.jobId, release);
    await store(tenantId, 3, 20);
    await store(tenantId, 30, 7);

    expect([outcome, again]).toEqual(['released', 'gone']);
    expect((await view(scene, tenantId)).stored).toEqual({ [bucketIn(3)]: 420, [bucketIn(30)]: 7 });
  });

  it('is counted once for 32 parallel releases, and whole for jobs that end at once', async () => {
    const tenantId = await scene.tenant();
    const asks = await atOnce(8, async () => {
      const ask = plan(scene, wide);
      await admitted(scene, tenantId, ask);
      return ask;
    });

    await atOnce(32, (index) => {
      const ask = asks[index % 8] ?? plan(scene, wide);
      const release = { ...trueUp(ask), stored: { bucket: bucketIn(2), bytes: 10 } };
      return scene.ports.gates.release(tenantId, ask.jobId, release);
    });

    expect((await view(scene, tenantId)).stored).toEqual({ [bucketIn(2)]: 80 });
  });

  it('refuses at the limit by name, says when enough of it has gone, and takes nothing', async () => {
    const tenantId = await scene.tenant();
    await store(tenantId, 3, 999);
    await admitted(scene, tenantId, plan(scene, limits));
    await store(tenantId, 9, 1);
    const before = await view(scene, tenantId);

    const refusal = await refused(scene, tenantId, plan(scene, limits));

    expect(refusal).toMatchObject({ limit: 'storage_gb_max', used: 1_000, max: 1_000 });
    expect(refusal.retryAfterSeconds).toBeGreaterThan((2 * dayMs) / 1000 - 60);
    expect(refusal.retryAfterSeconds).toBeLessThanOrEqual((3 * dayMs) / 1000);
    expect(await view(scene, tenantId)).toEqual(before);
  });

  it('has no part in a job that stores nothing, nor under limits that do not name it', async () => {
    const tenantId = await scene.tenant();
    await store(tenantId, 3, 5_000);

    await admitted(scene, tenantId, plan(scene, limits, { storesFiles: false }));
    await admitted(scene, tenantId, plan(scene, wide));
  });

  it('counts no more from the midnight on at which it goes, however many ask at once', async () => {
    const tenantId = await scene.tenant();
    await store(tenantId, 0, 5_000);
    await store(tenantId, -3, 5_000);
    await store(tenantId, 1, 999);

    await atOnce(24, () => admitted(scene, tenantId, plan(scene, limits)));
    await store(tenantId, 0, 5_000);
    await store(tenantId, 1, 1);

    expect(await refused(scene, tenantId, plan(scene, limits))).toMatchObject({ used: 1_000 });
  });

  it('counts what lasts by the latest total, however often and in whatever order totals are told', async () => {
    const { gates } = scene.ports;
    const tenantId = await scene.tenant();
    await store(tenantId, 3, 400);

    await gates.keep(tenantId, { bytes: 599, version: 2 });
    await admitted(scene, tenantId, plan(scene, limits));
    await gates.keep(tenantId, { bytes: 10, version: 1 });
    await gates.keep(tenantId, { bytes: 600, version: 5 });
    await gates.keep(tenantId, { bytes: 600, version: 5 });
    const full = await refused(scene, tenantId, plan(scene, limits));
    await gates.keep(tenantId, { bytes: 70, version: 6 });

    expect(full).toMatchObject({ limit: 'storage_gb_max', used: 1_000, max: 1_000 });
    expect((await view(scene, tenantId)).stored).toEqual({ [bucketIn(3)]: 400, [lastingBucket]: 70 });
    await admitted(scene, tenantId, plan(scene, limits));
  });

  it('ends at the latest of totals that are told at once, beside jobs that end', async () => {
    const { gates } = scene.ports;
    const tenantId = await scene.tenant();

    await Promise.all([
      atOnce(6, (index) => gates.keep(tenantId, { bytes: (index + 1) * 100, version: index + 1 })),
      atOnce(8, () => store(tenantId, 2, 50)),
    ]);

    expect((await view(scene, tenantId)).stored).toEqual({ [bucketIn(2)]: 400, [lastingBucket]: 600 });
    expect(await refused(scene, tenantId, plan(scene, limits))).toMatchObject({ used: 1_000 });
  });

  it('names no time to come back at where what lasts alone is at the limit', async () => {
    const { gates } = scene.ports;
    const tenantId = await scene.tenant();
    await store(tenantId, 3, 400);
    await gates.keep(tenantId, { bytes: 1_000, version: 1 });

    const refusal = await refused(scene, tenantId, plan(scene, limits));

    expect(refusal).toMatchObject({ limit: 'storage_gb_max', used: 1_400, retryAfterSeconds: null });
  });

  it('keeps nothing for a tenant that there is not', async () => {
    const tenantId = scene.tenantId();

    await scene.ports.gates.keep(tenantId, { bytes: 1, version: 1 });

    expect(await scene.ports.gates.read(tenantId)).toBeNull();
  });

  it('is forgotten a week after it went, and nothing else with it', async () => {
    const tenantId = await scene.tenant();
    for (const days of [-40, -20, -7]) await store(tenantId, days, 600);
    await store(tenantId, -6, 2);
    await store(tenantId, 2, 900);

    await scene.ports.gates.rest(tenantId, scene.clock.nowMs());
    const rested = await view(scene, tenantId);
    await admitted(scene, tenantId, plan(scene, limits));
    await store(tenantId, 2, 100);

    expect(rested.stored).toEqual({ [bucketIn(-6)]: 2, [bucketIn(2)]: 900 });
    expect(await refused(scene, tenantId, plan(scene, limits))).toMatchObject({ used: 1_000 });
  });
}

function startAndStop(scene: Scene): void {
  it('gives as many places as there may be, and names who has them', async () => {
    const { gates } = scene.ports;
    const { tenantId, jobIds } = await reserved(scene, 3);
    const [first = '', second = '', third = ''] = jobIds;

    expect(await gates.start(tenantId, first, 1, 2)).toEqual({ kind: 'started' });
    expect(await gates.start(tenantId, second, 1, 2)).toEqual({ kind: 'started' });
    const refusal = await gates.start(tenantId, third, 1, 2);

    expect(refusal).toMatchObject({ kind: 'full' });
    expect(refusal.kind === 'full' && refusal.holders.toSorted()).toEqual([first, second].toSorted());
    expect(await gates.start(tenantId, third, 1, 3)).toEqual({ kind: 'started' });
  });

  it('lets a job keep its place under a later attempt, even where there would be none', async () => {
    const { gates } = scene.ports;
    const { tenantId, jobIds } = await reserved(scene, 2);
    const [first = '', second = ''] = jobIds;
    await gates.start(tenantId, first, 1, 2);
    await gates.start(tenantId, second, 1, 2);

    expect(await gates.start(tenantId, first, 1, 2)).toEqual({ kind: 'started' });
    expect(await gates.start(tenantId, first, 3, 1)).toEqual({ kind: 'started' });
    expect(await gates.start(tenantId, first, 2, 2)).toEqual({ kind: 'gone' });
  });

  it('frees the place of the attempt that stops, and of no later one', async () => {
    const { gates } = scene.ports;
    const { tenantId, jobIds } = await reserved(scene, 2);
    const [first = '', second = ''] = jobIds;
    await gates.start(tenantId, first, 2, 1);

    await gates.stop(tenantId, first, 1);
    expect(await gates.start(tenantId, second, 1, 1)).toEqual({ kind: 'full', holders: [first] });
    await gates.stop(tenantId, first, 2);
    await gates.stop(tenantId, first, 2);

    expect(await gates.start(tenantId, second, 1, 1)).toEqual({ kind: 'started' });
  });

  it('frees the place with the reservation, whatever its attempt, and gives none without', async () => {
    const { gates } = scene.ports;
    const tenantId = await scene.tenant();
    const [ask, other] = [plan(scene, wide), plan(scene, wide)];
    await admitted(scene, tenantId, ask);
    await admitted(scene, tenantId, other);
    await gates.start(tenantId, ask.jobId, 7, 1);

    await gates.release(tenantId, ask.jobId, { ...trueUp(ask), endsRunning: true });

    expect(await gates.start(tenantId, ask.jobId, 8, 1)).toEqual({ kind: 'gone' });
    expect(await gates.start(tenantId, other.jobId, 1, 1)).toEqual({ kind: 'started' });
    expect(await gates.start(scene.tenantId(), other.jobId, 1, 1)).toEqual({ kind: 'gone' });
  });

  it('frees the reservation of a job that never had a place', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);

    const outcome = await scene.ports.gates.release(tenantId, ask.jobId, {
      ...trueUp(ask),
      endsRunning: true,
    });

    expect(outcome).toBe('released');
  });

  it('gives no more places than there are to 32 parallel callers', async () => {
    const { tenantId, jobIds } = await reserved(scene, 32);

    const outcomes = await Promise.all(jobIds.map((jobId) => scene.ports.gates.start(tenantId, jobId, 1, 5)));

    expect(outcomes.filter(({ kind }) => kind === 'started')).toHaveLength(5);
    expect(outcomes.filter(({ kind }) => kind === 'full')).toHaveLength(27);
  });
}

/** A tenant with so many open jobs. */
async function reserved(scene: Scene, jobs: number): Promise<{ tenantId: string; jobIds: string[] }> {
  const tenantId = await scene.tenant();
  const asks = Array.from({ length: jobs }, () => plan(scene, wide));
  for (const ask of asks) await admitted(scene, tenantId, ask);
  return { tenantId, jobIds: asks.map(({ jobId }) => jobId) };
}

function note(scene: Scene): void {
  const name = 'refund.job_1';

  it('stands among the reservations, once, until a release names its text', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    const counter = spendCounter(monthOf(scene.clock.nowMs()));
    const before = await view(scene, tenantId);

    expect(await scene.ports.gates.note(tenantId, name, '{"a":1}')).toBe('noted');
    expect(await scene.ports.gates.note(tenantId, name, '{"a":2}')).toBe('standing');
    expect((await view(scene, tenantId)).open).toEqual({ [ask.jobId]: ask.token, [name]: '{"a":1}' });

    const back = { corrections: [{ counter, delta: -40 }], finishTag: null };
    expect(await scene.ports.gates.release(tenantId, name, { token: '{"a":2}', ...back })).toBe('gone');
    expect(await scene.ports.gates.release(tenantId, name, { token: '{"a":1}', ...back })).toBe('released');
    expect(await scene.ports.gates.release(tenantId, name, { token: '{"a":1}', ...back })).toBe('gone');
    expect(await view(scene, tenantId)).toEqual({
      ...before,
      counters: { ...before.counters, [counter]: (before.counters[counter] ?? 0) - 40 },
    });
  });

  it('answers a retry of its own write as the first', async () => {
    const tenantId = await scene.tenant();

    expect(await scene.ports.gates.note(tenantId, name, 'same')).toBe('noted');
    expect(await scene.ports.gates.note(tenantId, name, 'same')).toBe('noted');
  });

  it('is not brought back by a copy that comes after its release, and its name is free for another text', async () => {
    const { gates } = scene.ports;
    const tenantId = await scene.tenant();
    await gates.note(tenantId, name, 'one');
    await gates.release(tenantId, name, { token: 'one', corrections: [], finishTag: null });

    expect(await gates.note(tenantId, name, 'one')).toBe('finished');
    expect((await view(scene, tenantId)).open).toEqual({});
    expect(await gates.note(tenantId, name, 'two')).toBe('noted');
    expect(await gates.note(tenantId, name, 'one')).toBe('finished');
    expect(await gates.note(tenantId, 'refund.job_2', 'one')).toBe('noted');
  });

  it('may come back once a rest finds that no copy of it comes any more', async () => {
    const { gates } = scene.ports;
    const tenantId = await scene.tenant();
    await gates.note(tenantId, name, 'one');
    await gates.release(tenantId, name, { token: 'one', corrections: [], finishTag: null });

    await gates.rest(tenantId, scene.clock.nowMs() + gateLimits.traceKeptMs / 2);
    expect(await gates.note(tenantId, name, 'one')).toBe('finished');
    await gates.rest(tenantId, scene.clock.nowMs() + gateLimits.traceKeptMs);
    expect(await gates.note(tenantId, name, 'one')).toBe('noted');
  });

  it('is put down whatever the status, and nowhere without a tenant', async () => {
    const tenantId = await scene.tenant({ status: 'suspended' });

    expect(await scene.ports.gates.note(tenantId, name, 'text')).toBe('noted');
    expect(await scene.ports.gates.note(scene.tenantId(), name, 'text')).toBe('no_tenant');
  });

  it('lets exactly one of 16 parallel notes stand, and keeps the gate listed and awake', async () => {
    const tenantId = await scene.tenant();

    const outcomes = await atOnce(16, (index) => scene.ports.gates.note(tenantId, name, `text ${index}`));
    await scene.ports.gates.rest(tenantId, scene.clock.nowMs());

    expect(outcomes.filter((outcome) => outcome === 'noted')).toHaveLength(1);
    await scene.eventually(async () => {
      const open = await allPages((cursor) => scene.ports.gates.listOpen(cursor));
      expect(open).toContain(tenantId);
    });
  });
}

function lift(scene: Scene): void {
  it('moves the finish tag of the line named and no other', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    await admitted(scene, tenantId, plan(scene, wide, { line: 'pool-elsewhere' }));

    await scene.ports.gates.lift(tenantId, ask.line, 100, 9_000);

    const next = await admitted(scene, tenantId, plan(scene, wide, { line: ask.line }));
    expect(next.finishTag).toBe(9_100);
    expect(next.gate.finishTags['pool-elsewhere']).toBe(100);
  });

  it('does nothing when the tag is past the bound', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    await admitted(scene, tenantId, plan(scene, wide, { line: ask.line }));
    const before = await view(scene, tenantId);

    await scene.ports.gates.lift(tenantId, ask.line, 199, 9_000);

    expect(await view(scene, tenantId)).toEqual(before);
  });

  it('goes ahead when the tag moved meanwhile and is not past the bound yet, once', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    await admitted(scene, tenantId, plan(scene, wide, { line: ask.line }));

    await atOnce(8, (index) => scene.ports.gates.lift(tenantId, ask.line, 8_900, 9_000 + 100 * index));

    const { finishTags } = await view(scene, tenantId);
    expect(finishTags[ask.line]).toBeGreaterThanOrEqual(9_000);
    expect(finishTags[ask.line]).toBeLessThanOrEqual(9_700);
  });

  it('makes no gate for an unknown tenant', async () => {
    const tenantId = scene.tenantId();

    await scene.ports.gates.lift(tenantId, 'pool-a', 0, 9_000);

    expect(await scene.ports.gates.read(tenantId)).toBeNull();
  });
}

function listOpenAndRest(scene: Scene): void {
  it('lists a gate with a reservation, and one without only until it is laid to rest', async () => {
    const tenantId = await scene.tenant();
    const ask = plan(scene, wide);
    await admitted(scene, tenantId, ask);
    await scene.eventually(async () => expect(await open(scene)).toContain(tenantId));
    await scene.ports.gates.release(tenantId, ask.jobId, trueUp(ask));

    await scene.ports.gates.rest(tenantId, scene.clock.nowMs());

    await scene.eventually(async () => expect(await open(scene)).not.toContain(tenantId));
  });

  it('lists every open gate once, page by page', async () => {
    const tenantIds = await atOnce(30, () => scene.tenant());
    await Promise.all(tenantIds.map((tenantId) => admitted(scene, tenantId, plan(scene, wide))));

    await scene.eventually(async () => {
      const found = (await open(scene)).filter((tenantId) => tenantIds.includes(tenantId));
      expect(found.toSorted()).toEqual(tenantIds.toSorted());
    });
  });

  it('never lists a gate that admitted nothing', async () => {
    const tenantId = await scene.tenant();
    await refused(
      scene,
      tenantId,
      plan(scene, { ...wide, requests_per_minute: 1 }, { images: 1 }, undefined, 2),
    );

    expect(await open(scene)).not.toContain(tenantId);
  });

  it('does not lay a gate to rest while a reservation is open', async () => {
    const tenantId = await scene.tenant();
    await admitted(scene, tenantId, plan(scene, { ...wide, requests_per_minute: 5 }));
    const before = await view(scene, tenantId);

    await scene.ports.gates.rest(tenantId, scene.clock.nowMs() + 40 * dayMs);

    expect(await view(scene, tenantId)).toEqual(before);
    await scene.eventually(async () => expect(await open(scene)).toContain(tenantId));
  });

  it('clears past windows and keeps current ones and finish tags', async () => {
    const tenantId = await scene.tenant();
    const nowMs = scene.clock.nowMs();
    const limits = {
      ...wide,
      requests_per_minute: 5,
      requests_per_day: 9,
      images_per_minute: 8,
      tokens_per_minute: 20,
    };
    const past = plan(scene, limits, {}, nowMs - 40 * dayMs);
    const current = plan(scene, limits, { line: past.line }, nowMs);
    for (const ask of [past, current]) {
      await admitted(scene, tenantId, ask);
      await scene.ports.gates.release(tenantId, ask.jobId, { ...trueUp(ask), corrections: [] });
    }

    await scene.ports.gates.rest(tenantId, nowMs);

    const gate = await view(scene, tenantId);
    expect(gate.counters).toEqual(Object.fromEntries(current.counters.map(({ name, add }) => [name, add])));
    expect(gate.finishTags).toEqual({ [past.line]: 120 });
  });

  it('lists and counts a gate again when it admits after a rest', async () => {
    const tenantId = await scene.tenant();
    const first = plan(scene, wide);
    await admitted(scene, tenantId, first);
    await scene.ports.gates.release(tenantId, first.jobId, trueUp(first));
    await scene.ports.gates.rest(tenantId, scene.clock.nowMs());

    const second = await admitted(scene, tenantId, plan(scene, wide, { line: first.line }));

    expect(second.finishTag).toBe(160);
    await scene.eventually(async () => expect(await open(scene)).toContain(tenantId));
  });

  it('makes no gate for an unknown tenant', async () => {
    const tenantId = scene.tenantId();

    await scene.ports.gates.rest(tenantId, scene.clock.nowMs());

    expect(await scene.ports.gates.read(tenantId)).toBeNull();
  });
}

/** One request of 400 micro-USD, 2 images, 5 tokens and 100 tag units in the pool `pool-a`, unless the test says otherwise. */
function plan(
  scene: Scene,
  limits: PlanLimits,
  demand: Partial<Demand> = {},
  nowMs = scene.clock.nowMs(),
  requests = 1,
): AdmissionAsk {
  const ask = planAdmission(
    limits,
    {
      jobId: scene.jobId(),
      nonce: scene.nonce(),
      line: 'pool-a',
      tagCost: 100,
      images: 2,
      tokens: 5,
      storesFiles: true,
      gpuMs: 0,
      reservedUsdMicros: 400,
      ...demand,
    },
    nowMs,
  );
  const counters = ask.counters.map((counter) =>
    counter.limit === 'requests_per_minute' ? { ...counter, add: requests } : counter,
  );
  return { ...ask, counters };
}

/** The job cost 250 of its 400 micro-USD and 60 of its 100 tag units. */
function trueUp(ask: AdmissionAsk): Release {
  return {
    token: ask.token,
    corrections: [spend(ask, -150)],
    finishTag: { line: ask.line, delta: -40 },
  };
}

/** A correction of the month's spend that the ask took. */
function spend(ask: AdmissionAsk, delta: number): CounterCorrection {
  const counter = ask.counters.find(({ limit }) => limit === 'budget_usd_micros_per_month');
  return { counter: counter?.name ?? '', delta };
}

async function admitted(
  scene: Scene,
  tenantId: string,
  ask: AdmissionAsk,
): Promise<Extract<AdmitOutcome, { kind: 'admitted' }>> {
  const outcome = await scene.ports.gates.admit(tenantId, ask);
  if (outcome.kind !== 'admitted') throw new Error(`admission ended as ${JSON.stringify(outcome)}`);
  return outcome;
}

async function refused(scene: Scene, tenantId: string, ask: AdmissionAsk): Promise<Refusal> {
  const outcome = await scene.ports.gates.admit(tenantId, ask);
  if (outcome.kind !== 'refused') throw new Error(`admission ended as ${outcome.kind}`);
  expect(outcome.gate).toEqual(await view(scene, tenantId));
  return outcome.refusal;
}

async function view(scene: Scene, tenantId: string): Promise<GateView> {
  const gate = await scene.ports.gates.read(tenantId);
  if (gate === null) throw new Error(`${tenantId} has no gate`);
  return gate;
}

function open(scene: Scene): Promise<string[]> {
  return allPages((cursor) => scene.ports.gates.listOpen(cursor));
}

function imagesCounter(ask: AdmissionAsk): string {
  return ask.counters.find((counter) => counter.limit === 'images_per_minute')?.name ?? '';
}

function kinds(outcomes: readonly AdmitOutcome[]): Partial<Record<AdmitOutcome['kind'], number>> {
  const counts: Partial<Record<AdmitOutcome['kind'], number>> = {};
  for (const { kind } of outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
