import { describe, expect, it } from 'vitest';
import { sampleNowMs } from '../samples.ts';
import { unbounded } from './gate.ts';
import { planWarmup, warmupDay } from './warmup-ask.ts';

const limits = { weight: 1, open_jobs_max: 5 };
const demand = { name: 'warmup.demo', text: 'a note', line: 'demo#interactive', usdMicros: 700 };

describe('planWarmup', () => {
  it('takes a request in each window, money of the day and of the month, and nothing of the line', () => {
    const rates = {
      requests_per_minute: 5,
      requests_per_day: 50,
      images_per_minute: 9,
      gpu_seconds_per_month: 3,
    };
    const caps = { warmup_usd_micros_per_day: 1_000, budget_usd_micros_per_month: 9_000 };

    const ask = planWarmup({ ...limits, ...rates, ...caps }, demand, sampleNowMs);

    expect(ask).toMatchObject({ jobId: 'warmup.demo', token: 'a note', tagCost: 0, openJobsMax: unbounded });
    expect(ask.counters.map(({ limit, add, max }) => [limit, add, max])).toEqual([
      ['requests_per_minute', 1, 5],
      ['requests_per_day', 1, 50],
      ['budget_usd_micros_per_month', 700, 9_000],
      ['warmup_usd_micros_per_day', 700, 1_000],
    ]);
  });

  it('counts the money of a tenant without a cap too, and none of a warm-up that costs nothing', () => {
    const counted = planWarmup(limits, demand, sampleNowMs).counters;

    expect(counted.map(({ limit, max }) => [limit, max])).toEqual([
      ['budget_usd_micros_per_month', unbounded],
      ['warmup_usd_micros_per_day', unbounded],
    ]);
    expect(planWarmup(limits, { ...demand, usdMicros: 0 }, sampleNowMs).counters).toEqual([]);
  });
});

describe('warmupDay', () => {
  it('ends with the day in UTC', () => {
    expect(warmupDay(limits, 1, sampleNowMs)).toMatchObject({
      name: 'warmup_usd_micros_per_day@21990',
      resetsAtMs: Date.UTC(2030, 2, 18),
    });
  });
});
