import { describe, expect, it } from 'vitest';
import { sampleDemand, sampleNowMs, sampleTenant } from '../samples.ts';
import { limitsOf } from '../tenancy/plans.ts';
import { planAdmission } from './gate.ts';
import { withHalfRates } from './half-rates.ts';

const demand = sampleDemand();

const overrides = {
  open_jobs_max: 9,
  requests_per_second: 3,
  requests_burst: 10,
  requests_per_minute: 60,
  images_per_minute: 1,
  tokens_per_minute: 7,
  requests_per_day: 500,
  gpu_seconds_per_month: 11,
};
const limits = limitsOf(sampleTenant().plan, overrides);

describe('a line of a batch', () => {
  it('is counted in the very windows that other requests are counted in, up to half of what they allow', () => {
    const asked = [limits, withHalfRates(limits, demand)].map((each) =>
      planAdmission(each, demand, sampleNowMs),
    );

    const [whole, half] = asked.map(({ counters }) => counters.map(({ name, max }) => ({ name, max })));
    expect(half?.map(({ name }) => name)).toEqual(whole?.map(({ name }) => name));
    const maxOf = (limit: string) => half?.find(({ name }) => name.startsWith(limit))?.max;
    expect(asked.map(({ openJobsMax }) => openJobsMax)).toEqual([9, 4]);
    expect([maxOf('requests_per_minute'), maxOf('images_per_minute'), maxOf('tokens_per_minute')]).toEqual([
      30, 1, 3,
    ]);
    expect([maxOf('requests_per_second'), maxOf('requests_per_day')]).toEqual([10, 500]);
  });

  it('has the whole of a window of which it needs more than half, and half of the others', () => {
    expect(withHalfRates(limits, { images: 1, tokens: 4 })).toMatchObject({
      requests_per_minute: 30,
      tokens_per_minute: 7,
      open_jobs_max: 4,
    });
  });

  it('is given no rate that the plan does not have', () => {
    const { images_per_minute: _, ...without } = limits;

    expect(withHalfRates(without, demand)).not.toHaveProperty('images_per_minute');
  });
});
