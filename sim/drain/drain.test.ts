import { describe, expect, it } from 'vitest';
import { drain } from './drain.ts';

const ask = { jobs: 400, jobMs: 500, batchMax: 8, seed: 1 };

describe('one worker over a long line, with stores that take 10 to 40 ms', () => {
  it('keeps its card at work: the next batch is claimed and the last one ended while one runs', async () => {
    const { efficiency } = await drain('pilotlight', ask);

    expect(efficiency).toBeGreaterThan(0.97);
  });

  it('fills its calls, and ends and charges every job', async () => {
    const { calls, succeeded } = await drain('pilotlight', ask);

    expect(calls).toBe(ask.jobs / ask.batchMax);
    expect(succeeded).toBe(ask.jobs);
  });

  it('uses more of the card than loops that take one job at a time, with or without a prefetch', async () => {
    const alone = { ...ask, batchMax: 1 };
    const ours = await drain('pilotlight', alone);
    const oneAhead = await drain('one ahead', alone);
    const oneByOne = await drain('one by one', alone);

    expect(ours.efficiency).toBeGreaterThan(oneAhead.efficiency);
    expect(oneAhead.efficiency).toBeGreaterThan(oneByOne.efficiency);
  });
});
