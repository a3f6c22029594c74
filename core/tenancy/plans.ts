/** Plans: named sets of limits and a weight. A limit that is absent does not apply. */
import * as z from 'zod';
import { gateLimits } from '../limits.ts';

const countSchema = z.int().positive();

export const planLimitsSchema = z.strictObject({
  /** Share of GPU time when several tenants wait. */
  weight: z.int().min(1).max(1000),
  requests_per_minute: countSchema.optional(),
  requests_per_day: countSchema.optional(),
  images_per_minute: countSchema.optional(),
  /** Queued and running together; bounds the size of the gate. */
  open_jobs_max: z.int().min(1).max(gateLimits.openJobsMax),
  /** Micro-USD a month; admission past it is refused. */
  budget_usd_micros_per_month: countSchema.optional(),
  steps_max: countSchema.optional(),
  pixels_max: countSchema.optional(),
  images_per_request_max: countSchema.optional(),
});

export type PlanLimits = z.infer<typeof planLimitsSchema>;

/** The plans that ship (tenancy.md 1). A tenant may override single limits. */
export const plans = {
  free: {
    weight: 1,
    requests_per_minute: 5,
    requests_per_day: 200,
    open_jobs_max: 5,
    steps_max: 8,
    pixels_max: 512 * 512,
    images_per_request_max: 1,
  },
  pro: { weight: 4, requests_per_minute: 600, open_jobs_max: 100, images_per_request_max: 8 },
  vip: { weight: 16, open_jobs_max: 500, images_per_request_max: 8 },
} as const satisfies Record<string, PlanLimits>;

export type PlanName = keyof typeof plans;

export const planNames = Object.keys(plans) as [PlanName, ...PlanName[]];

export function limitsOf(plan: PlanName, overrides: Partial<PlanLimits>): PlanLimits {
  return planLimitsSchema.parse({ ...plans[plan], ...overrides });
}
