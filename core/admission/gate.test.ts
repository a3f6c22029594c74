import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gateLimits } from '../limits.ts';
import { sampleNowMs } from '../samples.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import type { AdmissionAsk, Demand, GateView, LimitName } from './gate.ts';
import { inLimitUnit, judge, neverFits, planAdmission, take } from './gate.ts';
import { readToken, reservationToken } from './reservation.ts';
import { isPastCounter, mayForgetCounter, monthOf, spendCounter } from './windows.ts';

const now = sampleNowMs;
const minuteMs = 60_000;
const everyLimit: PlanLimits = {
  weight: 1,
  requests_per_second: 3,
  requests_burst: 6,
  requests_per_minute: 10,
  requests_per_day: 100,
  images_per_minute: 20,
  tokens_per_minute: 50,
  open_jobs_max: 5,
  gpu_seconds_per_month: 9,
  budget_usd_micros_per_month: 10_000,
};

describe('planAdmission', () => {
  it('asks for what a plan limits, each under a name that holds its window', () => {
    const ask = planAdmission(everyLimit, demand(), now);

    expect(Object.fromEntries(ask.counters.map(({ name, add, max }) => [name, [add, max]]))).toEqual({
      [`requests_per_minute@${Math.floor(now / minuteMs)}`]: [1, 10],
      [`images_per_minute@${Math.floor(now / minuteMs)}`]: [2, 20],
      [`tokens_per_minute@${Math.floor(now / minuteMs)}`]: [5, 50],
      [`requests_per_second@2000x${now / 2000}`]: [1, 6],
      [`requests_per_day@${Math.floor(now / 86_400_000)}`]: [1, 100],
      'gpu_seconds_per_month@203003': [0, 9_000],
      'budget_usd_micros_per_month@203003': [400, 10_000],
    });
  });

  it('counts spend for a plan without a budget, and nothing else that is not limited', () => {
    const ask = planAdmission({ weight: 1, open_jobs_max: 5 }, demand(), now);

    expect(ask.counters).toHaveLength(1);
    expect(ask.counters[0]).toMatchObject({ name: spendCounter('203003'), add: 400 });
  });

  it('counts GPU time for a plan without a limit on it, so that one set in mid-month finds the whole month', () => {
    const { counters } = planAdmission({ weight: 1, open_jobs_max: 5 }, demand({ gpuMs: 810 }), now);

    expect(counters.map(({ limit, add }) => [limit, add])).toEqual([
      ['gpu_seconds_per_month', 810],
      ['budget_usd_micros_per_month', 400],
    ]);
  });

  it('keeps the rate over time whatever the burst', () => {
    const rate = fc.integer({ min: 1, max: 1_000 });

    fc.assert(
      fc.property(rate, rate, instant, (perSecond, burst, nowMs) => {
        const limits = { weight: 1, open_jobs_max: 5, requests_per_second: perSecond, requests_burst: burst };
        const [window] = planAdmission(limits, demand(), nowMs).counters;

        expect(window).toMatchObject({ limit: 'requests_per_second', max: burst });
        expect((1000 * burst) / (window?.windowMs ?? 0)).toBeLessThanOrEqual(perSecond);
      }),
    );
  });

  it('lets as many come at once as come in a second when no burst is named', () => {
    const limits = { weight: 1, open_jobs_max: 5, requests_per_second: 7 };

    expect(planAdmission(limits, demand(), now).counters[0]).toMatchObject({ max: 7, windowMs: 1_000 });
  });

  it('never asks for more open jobs than a gate can hold', () => {
    const ask = planAdmission({ weight: 1, open_jobs_max: 1_000_000 }, demand(), now);

    expect(ask.openJobsMax).toBe(gateLimits.openJobsMax);
  });

  it('ends the month at the first of the next one, in December too', () => {
    const christmas = Date.UTC(2030, 11, 25, 23, 59);

    const [budget] = planAdmission({ weight: 1, open_jobs_max: 5 }, demand(), christmas).counters;

    expect(budget).toMatchObject({ name: spendCounter('203012'), resetsAtMs: Date.UTC(2031, 0, 1) });
  });

  it('ends every window in the future, and gives the instant it ends a name of its own', () => {
    fc.assert(
      fc.property(instant, (nowMs) => {
        for (const counter of planAdmission(everyLimit, demand(), nowMs).counters) {
          const next = planAdmission(everyLimit, demand(), counter.resetsAtMs);
          const last = planAdmission(everyLimit, demand(), counter.resetsAtMs - 1);

          expect(counter.resetsAtMs).toBeGreaterThan(nowMs);
          expect(named(next, counter.limit)).not.toBe(counter.name);
          expect(named(last, counter.limit)).toBe(counter.name);
        }
      }),
    );
  });
});

describe('judge', () => {
  it('admits what fills every limit exactly', () => {
    const ask = planAdmission(everyLimit, demand(), now);
    const full: GateView = {
      ...emptyGate,
      open: { a: 't', b: 't', c: 't', d: 't' },
      counters: Object.fromEntries(ask.counters.map(({ name, max, add }) => [name, max - add])),
    };

    expect(judge(full, ask, now)).toEqual({ kind: 'admit' });
  });

  it.each<LimitName>([
    'requests_per_second',
    'requests_per_minute',
    'images_per_minute',
    'tokens_per_minute',
    'requests_per_day',
    'gpu_seconds_per_month',
    'budget_usd_micros_per_month',
  ])('refuses one past %s and says when its window ends', (limit) => {
    const ask = planAdmission(everyLimit, demand(), now);
    const counter = ask.counters.find((each) => each.limit === limit);
    if (counter === undefined) throw new Error(`${limit} is not asked for`);
    const used = counter.max - counter.add + 1;

    const judgement = judge({ ...emptyGate, counters: { [counter.name]: used } }, ask, now);

    const retryAfterSeconds = Math.ceil((counter.resetsAtMs - now) / 1000);
    expect(judgement).toEqual({
      kind: 'refuse',
      refusal: { limit, used, max: counter.max, retryAfterSeconds },
    });
  });

  it('names the window that clears last, so that who comes back then is not refused by the next', () => {
    const ask = planAdmission(everyLimit, demand(), now);
    const full = Object.fromEntries(ask.counters.map(({ name, max }) => [name, max]));
    const withoutMonth = Object.fromEntries(Object.entries(full).filter(([name]) => !name.includes('month')));

    expect(judge({ ...emptyGate, counters: full }, ask, now)).toMatchObject({
      refusal: { limit: 'budget_usd_micros_per_month' },
    });
    expect(judge({ ...emptyGate, counters: withoutMonth }, ask, now)).toMatchObject({
      refusal: { limit: 'requests_per_day' },
    });
  });

  it('names no time to come back at for a request that fits no window, not even an empty one', () => {
    const ask = planAdmission(everyLimit, demand({ images: 21 }), now);

    expect(neverFits(ask)?.limit).toBe('images_per_minute');
    expect(judge(emptyGate, ask, now)).toEqual({
      kind: 'refuse',
      refusal: { limit: 'images_per_minute', used: 0, max: 20, retryAfterSeconds: null },
    });
  });

  it('refuses at storage_gb_max until enough has gone, and says when', () => {
    const ask = planAdmission({ ...everyLimit, storage_gb_max: 0.005 }, demand(), now);
    const stored = {
      [today]: 9_000_000,
      [today + 1]: 1_000_000,
      [today + 2]: 500_000,
      [today + 9]: 4_499_999,
    };
    const full = { ...stored, [today + 2]: 500_001 };
    const fuller = { ...full, [today + 9]: 5_000_000 };

    expect(judge({ ...emptyGate, stored: { [today + 9]: 4_999_999 } }, ask, now)).toEqual({ kind: 'admit' });
    expect(judge({ ...emptyGate, stored: full }, ask, now)).toMatchObject({
      refusal: { limit: 'storage_gb_max', used: 6_000_000, max: 5_000_000 },
    });
    expect(waitOf(judge({ ...emptyGate, stored }, ask, now))).toBe(secondsTo(today + 1));
    expect(waitOf(judge({ ...emptyGate, stored: full }, ask, now))).toBe(secondsTo(today + 2));
    expect(waitOf(judge({ ...emptyGate, stored: fuller }, ask, now))).toBe(secondsTo(today + 9));
  });

  it('lets a job through at storage_gb_max that stores nothing', () => {
    const limits = { ...everyLimit, storage_gb_max: 0.005 };
    const full = { ...emptyGate, stored: { [today + 1]: 5_000_000 } };

    expect(judge(full, planAdmission(limits, demand(), now), now)).toMatchObject({ kind: 'refuse' });
    expect(judge(full, planAdmission(limits, demand({ storesFiles: false }), now), now)).toEqual({
      kind: 'admit',
    });
    expect(judge(full, planAdmission(everyLimit, demand(), now), now)).toEqual({ kind: 'admit' });
  });

  it('names storage_gb_max where a window clears sooner, and the window where it clears later', () => {
    const ask = planAdmission({ ...everyLimit, storage_gb_max: 0.005 }, demand(), now);
    const stored = { [today + 1]: 5_000_000 };
    const full = (limit: LimitName) => ({ [named(ask, limit) ?? '']: 1_000_000 });

    expect(judge({ ...emptyGate, stored, counters: full('tokens_per_minute') }, ask, now)).toMatchObject({
      refusal: { limit: 'storage_gb_max' },
    });
    expect(judge({ ...emptyGate, stored, counters: full('gpu_seconds_per_month') }, ask, now)).toMatchObject({
      refusal: { limit: 'gpu_seconds_per_month' },
    });
  });

  it('refuses past open_jobs_max, to be asked again after a moment', () => {
    const open = { a: 't', b: 't', c: 't', d: 't', e: 't' };

    const judgement = judge({ ...emptyGate, open }, planAdmission(everyLimit, demand(), now), now);

    expect(judgement).toEqual({
      kind: 'refuse',
      refusal: {
        limit: 'open_jobs_max',
        used: 5,
        max: 5,
        retryAfterSeconds: gateLimits.concurrencyRetrySeconds,
      },
    });
  });

  it('calls a reservation that is open already a duplicate, even when a limit is used up', () => {
    const ask = planAdmission({ ...everyLimit, open_jobs_max: 1 }, demand(), now);

    expect(judge({ ...emptyGate, open: { [ask.jobId]: 'other' } }, ask, now)).toEqual({ kind: 'duplicate' });
  });

  it('refuses a suspended tenant before anything else', () => {
    const ask = planAdmission(everyLimit, demand(), now);
    const gate: GateView = { ...emptyGate, status: 'suspended', open: { [ask.jobId]: ask.token } };

    expect(judge(gate, ask, now)).toEqual({
      kind: 'refuse',
      refusal: { limit: 'suspended', used: 0, max: 0, retryAfterSeconds: 0 },
    });
  });

  it('refuses nothing by a counter that only counts, however far it has counted', () => {
    const ask = planAdmission({ weight: 1, open_jobs_max: 5 }, demand(), now);
    const name = named(ask, 'budget_usd_micros_per_month') ?? '';

    const judgement = judge({ ...emptyGate, counters: { [name]: Number.MAX_SAFE_INTEGER } }, ask, now);

    expect(judgement).toEqual({ kind: 'admit' });
  });

  it('names a wait in whole seconds, rounded up, so that who waits that long finds the window over', () => {
    const ask = planAdmission({ weight: 1, open_jobs_max: 5, requests_per_minute: 1 }, demand(), now);
    const [{ resetsAtMs = 0 } = {}] = ask.counters;

    const judgement = judge(take(emptyGate, ask), { ...ask, jobId: 'job_other' }, resetsAtMs - 1_001);

    expect(judgement).toMatchObject({ refusal: { retryAfterSeconds: 2 } });
  });

  it('names a wait of at least a second, also when the window has ended by the clock that asks', () => {
    const ask = planAdmission({ weight: 1, open_jobs_max: 5, requests_per_minute: 1 }, demand(), now);
    const gate = take(emptyGate, ask);

    const judgement = judge(gate, { ...ask, jobId: 'job_other' }, now + 2 * minuteMs);

    expect(judgement).toMatchObject({ refusal: { limit: 'requests_per_minute', retryAfterSeconds: 1 } });
  });
});

describe('judge and take, over any history', () => {
  const step = fc.record({
    job: fc.integer({ min: 0, max: 12 }),
    images: fc.integer({ min: 1, max: 8 }),
    tokens: fc.integer({ min: 0, max: 30 }),
    gpuMs: fc.integer({ min: 0, max: 4_000 }),
    reservedUsdMicros: fc.integer({ min: 0, max: 4_000 }),
    laterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40_000 }), fc.constant(86_400_000)),
    release: fc.boolean(),
  });

  it('exceed no limit in any window and never hold more open jobs than allowed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let gate = emptyGate;
        let nowMs = now;
        for (const { job, laterMs, release, ...asked } of steps) {
          nowMs += laterMs;
          const ask = planAdmission(everyLimit, demand({ jobId: `job_${job}`, ...asked }), nowMs);
          if (release) gate = { ...gate, open: without(gate.open, ask.jobId) };
          else if (judge(gate, ask, nowMs).kind === 'admit') gate = take(gate, ask);

          for (const [name, used] of Object.entries(gate.counters)) {
            expect(used).toBeLessThanOrEqual(maxOf(name));
          }
          expect(Object.keys(gate.open).length).toBeLessThanOrEqual(everyLimit.open_jobs_max);
        }
      }),
    );
  });

  it('take exactly what was asked and leave the gate they were given alone', () => {
    const before = structuredClone(emptyGate);
    const ask = planAdmission(everyLimit, demand(), now);

    const gate = take(take(emptyGate, ask), { ...ask, jobId: 'job_other', token: 'other' });

    expect(gate.finishTags).toEqual({ 'demo#batch': 200 });
    expect(gate.open).toEqual({ [ask.jobId]: ask.token, job_other: 'other' });
    expect(gate.counters[spendCounter('203003')]).toBe(800);
    expect(emptyGate).toEqual(before);
  });
});

describe('isPastCounter', () => {
  it('tells every counter past from the instant its window ends, and not before', () => {
    fc.assert(
      fc.property(instant, (nowMs) => {
        for (const { name, resetsAtMs } of planAdmission(everyLimit, demand(), nowMs).counters) {
          expect(isPastCounter(name, nowMs)).toBe(false);
          expect(isPastCounter(name, resetsAtMs - 1)).toBe(false);
          expect(isPastCounter(name, resetsAtMs)).toBe(true);
        }
      }),
    );
  });

  it('keeps what it cannot read', () => {
    expect(isPastCounter('no window', now)).toBe(false);
  });

  it('is never said of a window that a longer burst made', () => {
    const limits = { weight: 1, open_jobs_max: 5, requests_per_second: 2, requests_burst: 10 };
    const [counter] = planAdmission(limits, demand(), now).counters;

    expect(counter).toMatchObject({ windowMs: 5_000, max: 10, resetsAtMs: now + 5_000 });
    expect(isPastCounter(counter?.name ?? '', now + 4_999)).toBe(false);
    expect(isPastCounter(counter?.name ?? '', now + 5_000)).toBe(true);
  });
});

describe('mayForgetCounter', () => {
  it('keeps every counter past its end for a clock that lags or comes back, a month for a week', () => {
    const dayMs = 86_400_000;
    const patience: [LimitName, number][] = [
      ['requests_per_second', 10_000],
      ['requests_per_minute', 10 * minuteMs],
      ['requests_per_day', dayMs],
      ['gpu_seconds_per_month', 7 * dayMs],
      ['budget_usd_micros_per_month', 7 * dayMs],
    ];
    const { counters } = planAdmission(everyLimit, demand(), now);

    for (const [limit, keptMs] of patience) {
      const counter = counters.find((each) => each.limit === limit);
      if (counter === undefined) throw new Error(`${limit} is not asked for`);
      expect(mayForgetCounter(counter.name, counter.resetsAtMs + keptMs - 1)).toBe(false);
      expect(mayForgetCounter(counter.name, counter.resetsAtMs + keptMs)).toBe(true);
    }
  });
});

describe('inLimitUnit', () => {
  it('shows GPU time in the seconds its limit is named by, and everything else as it is counted', () => {
    expect(inLimitUnit('gpu_seconds_per_month', 1_001)).toBe(2);
    expect(inLimitUnit('requests_per_day', 1_001)).toBe(1_001);
  });
});

describe('reservation tokens', () => {
  it('read back what they were written from', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        instant,
        nonce,
        (usdMicros, gpuMs, admittedAtMs, salt) => {
          const token = reservationToken({ usdMicros, gpuMs, admittedAtMs }, salt);

          expect(readToken(token)).toEqual({ usdMicros, gpuMs, admittedAtMs });
        },
      ),
    );
  });

  it('read back without GPU time when they were written before that was counted', () => {
    expect(readToken('b4.m8rk5x2o.01234567')).toMatchObject({ usdMicros: 400, gpuMs: 0 });
  });

  it('stay below the 60 bytes with the name that the size of a gate is reckoned by', () => {
    const token = reservationToken(
      { usdMicros: 1_000_000_000, gpuMs: 600_000, admittedAtMs: now },
      '01234567',
    );

    expect(token.length).toBeLessThanOrEqual(29);
  });

  it.each(['', 'abc', 'a.b', 'a.b.c.d', 'A.b.c', 'a.b.', '.a.b'])('read %j as none', (text) => {
    expect(readToken(text)).toBeNull();
  });

  it('read any text as a token or as none, without throwing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => readToken(text)).not.toThrow();
      }),
    );
  });
});

describe('monthOf', () => {
  it('is the month in UTC', () => {
    expect(monthOf(Date.UTC(2029, 11, 31, 23, 59, 59, 999))).toBe('202912');
    expect(monthOf(Date.UTC(2030, 0, 1))).toBe('203001');
  });
});

const instant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2100, 0, 1) });
const nonce = fc.string({
  unit: fc.constantFrom(...'0123456789abcdefghjkmnpqrstvwxyz'),
  minLength: 8,
  maxLength: 8,
});

const emptyGate: GateView = {
  tenantId: 'tenant-a',
  open: {},
  counters: {},
  finishTags: {},
  stored: {},
  status: 'active',
};

function demand(overrides: Partial<Demand> = {}): Demand {
  return {
    jobId: 'job_a',
    nonce: '01234567',
    line: 'demo#batch',
    tagCost: 100,
    images: 2,
    tokens: 5,
    storesFiles: true,
    gpuMs: 0,
    reservedUsdMicros: 400,
    ...overrides,
  };
}

/** The day that `now` is in. */
const today = Math.floor(now / 86_400_000);

function secondsTo(day: number): number {
  return Math.ceil((day * 86_400_000 - now) / 1000);
}

function waitOf(judgement: ReturnType<typeof judge>): number | null {
  return judgement.kind === 'refuse' ? judgement.refusal.retryAfterSeconds : null;
}

function named(ask: AdmissionAsk, limit: LimitName): string | undefined {
  return ask.counters.find((counter) => counter.limit === limit)?.name;
}

function maxOf(counterName: string): number {
  const limits: Readonly<Record<string, unknown>> = {
    ...everyLimit,
    requests_per_second: everyLimit.requests_burst,
    gpu_seconds_per_month: 9_000,
  };
  return Number(limits[counterName.split('@')[0] ?? ''] ?? 0);
}

function without(open: GateView['open'], jobId: string): GateView['open'] {
  const { [jobId]: _released, ...rest } = open;
  return rest;
}
