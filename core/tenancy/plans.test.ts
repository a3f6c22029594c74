import { describe, expect, it } from 'vitest';
import { gateLimits } from '../limits.ts';
import {
  contradictions,
  jobClassOf,
  limitsOf,
  planLimitsSchema,
  planNameSchema,
  planNames,
  plans,
  retentionMsOf,
  shippedPlan,
} from './plans.ts';

describe('plans', () => {
  it.each(planNames)('%s is valid', (name) => {
    expect(planLimitsSchema.parse(plans[name])).toEqual(plans[name]);
  });

  it('give a dearer plan a larger share and more open jobs', () => {
    expect(plans.free.weight).toBeLessThan(plans.pro.weight);
    expect(plans.pro.weight).toBeLessThan(plans.vip.weight);
    expect(plans.free.open_jobs_max).toBeLessThan(plans.pro.open_jobs_max);
    expect(plans.pro.open_jobs_max).toBeLessThan(plans.vip.open_jobs_max);
  });
});

describe('planLimitsSchema', () => {
  it.each([
    { open_jobs_max: gateLimits.openJobsMax + 1 },
    { weight: 0 },
    { weight: 1.5 },
    { requests_per_minute: 0 },
    { gpu_memory_gb: 0 },
    { gpu_memory_gb: 1_001 },
    { isolation: 'own' },
  ])('refuses what no gate could hold or no tenant could use: %o', (limits) => {
    expect(planLimitsSchema.safeParse({ ...plans.pro, ...limits }).success).toBe(false);
  });
});

describe('limitsOf', () => {
  it('is the plan without overrides', () => {
    expect(limitsOf('free', {})).toEqual(plans.free);
  });

  it('lets single limits of a tenant differ, and adds those that the plan lacks', () => {
    expect(limitsOf('pro', { weight: 9, budget_usd_micros_per_month: 5 })).toEqual({
      ...plans.pro,
      weight: 9,
      budget_usd_micros_per_month: 5,
    });
  });

  it("takes a plan of the operator's own by its limits alone, and knows no plan without any", () => {
    const own = { weight: 2, open_jobs_max: 7 };

    expect(limitsOf('gold', own)).toEqual(own);
    expect(() => limitsOf('gold', { weight: 2 })).toThrow('no plan is named gold');
    expect(() => limitsOf('constructor', {})).toThrow('no plan is named constructor');
  });

  it('takes part of a GB, and words where a limit is one of some', () => {
    const limits = { gpu_memory_gb: 0.5, isolation: 'process', quant: 'int4', volume: 'encrypted' } as const;

    expect(limitsOf('pro', limits)).toEqual({ ...plans.pro, ...limits });
  });

  it('takes parts of a GB of storage, and refuses none, less than none and more than there is', () => {
    expect(limitsOf('pro', { storage_gb_max: 0.25 }).storage_gb_max).toBe(0.25);
    for (const storage_gb_max of [0, -1, 1e-9, 1_000_001, Number.NaN, Number.POSITIVE_INFINITY]) {
      const parsed = planLimitsSchema.safeParse({ ...plans.pro, storage_gb_max });
      expect(parsed.error?.issues[0]?.path).toEqual(['storage_gb_max']);
    }
  });

  it.each([0, -5, 1.5, 2 ** 53])('refuses %d tokens a minute', (tokens_per_minute) => {
    const parsed = planLimitsSchema.safeParse({ ...plans.pro, tokens_per_minute });
    expect(parsed.error?.issues[0]?.path).toEqual(['tokens_per_minute']);
  });

  it('refuses a limit that does not exist instead of dropping it', () => {
    expect(() => planLimitsSchema.parse({ ...plans.pro, requests_per_hour: 5 })).toThrow();
  });
});

describe('jobClassOf', () => {
  it.each([
    [null, undefined, 'interactive'],
    [null, 'interactive', 'interactive'],
    [null, 'batch', 'batch'],
    ['interactive', 'batch', 'interactive'],
    ['batch', 'interactive', 'batch'],
    ['batch', undefined, 'batch'],
  ] as const)('of a request that says %s under the default %s is %s', (asked, class_default, jobClass) => {
    expect(jobClassOf({ ...plans.pro, class_default }, asked)).toBe(jobClass);
  });

  it('takes no class that there is not', () => {
    expect(planLimitsSchema.safeParse({ ...plans.pro, class_default: 'urgent' }).success).toBe(false);
  });
});

describe('the cap on warm-ups', () => {
  it('is none in the free plan, may be nothing, and is never above the hard budget', () => {
    expect(plans.free.warmup_usd_micros_per_day).toBe(0);
    expect(planLimitsSchema.safeParse({ ...plans.pro, warmup_usd_micros_per_day: -1 }).success).toBe(false);
    expect(planLimitsSchema.safeParse({ ...plans.pro, warmup_usd_micros_per_day: 0.5 }).success).toBe(false);
    const limits = { ...plans.pro, warmup_usd_micros_per_day: 11, budget_usd_micros_per_month: 10 };
    expect(contradictions(limits)).toEqual([
      {
        path: 'warmup_usd_micros_per_day',
        message: 'must not be above budget_usd_micros_per_month, which is 10',
      },
    ]);
  });
});

describe('retentionMsOf', () => {
  it('is 30 days unless the limits say less', () => {
    expect(retentionMsOf({})).toBe(30 * 86_400_000);
    expect(retentionMsOf({ retention_days: 1 })).toBe(86_400_000);
  });

  it('comes from whole days, from 1 to 30', () => {
    for (const retention_days of [0, 31, 1.5]) {
      expect(planLimitsSchema.safeParse({ ...plans.pro, retention_days }).success).toBe(false);
    }
    expect(planLimitsSchema.parse({ ...plans.pro, retention_days: 30 }).retention_days).toBe(30);
  });
});

describe('shippedPlan', () => {
  it('knows the plans that ship and no other word', () => {
    expect(shippedPlan('pro')).toEqual(plans.pro);
    for (const name of ['studio', '', 'toString', '__proto__']) expect(shippedPlan(name)).toBeNull();
  });
});

describe('planNameSchema', () => {
  it.each(['', 'A', '-a', 'a.b', 'a/b', 'a'.repeat(64)])('refuses %j', (name) => {
    expect(planNameSchema.safeParse(name).success).toBe(false);
  });
});

describe('contradictions', () => {
  it.each(planNames)('has none in %s', (name) => {
    expect(contradictions(plans[name])).toEqual([]);
  });

  it('names a limit that another one keeps out of reach', () => {
    const base = { weight: 1, open_jobs_max: 5 };

    expect(contradictions({ ...base, requests_per_minute: 11, requests_per_day: 10 })).toEqual([
      { path: 'requests_per_minute', message: 'must not be above requests_per_day, which is 10' },
    ]);
    expect(contradictions({ ...base, requests_per_second: 3, requests_per_minute: 2 })).toMatchObject([
      { path: 'requests_per_second' },
    ]);
    const budgets = { budget_soft_usd_micros_per_month: 2, budget_usd_micros_per_month: 1 };
    expect(contradictions({ ...base, ...budgets })).toMatchObject([
      { path: 'budget_soft_usd_micros_per_month' },
    ]);
    expect(contradictions({ ...base, requests_per_minute: 10, requests_per_day: 10 })).toEqual([]);
    expect(contradictions({ ...base, requests_per_minute: 10 })).toEqual([]);
    expect(contradictions({ ...base, prompt_tokens_max: 11, tokens_per_minute: 10 })).toMatchObject([
      { path: 'prompt_tokens_max' },
    ]);
  });

  it('names what leaves a process of its own without a cap, and more running jobs than open ones', () => {
    const base = { weight: 1, open_jobs_max: 5 };

    expect(contradictions({ ...base, isolation: 'process' })).toMatchObject([{ path: 'isolation' }]);
    expect(contradictions({ ...base, isolation: 'process', gpu_memory_gb: 10 })).toEqual([]);
    expect(contradictions({ ...base, running_jobs_max: 6 })).toMatchObject([{ path: 'running_jobs_max' }]);
  });
});
