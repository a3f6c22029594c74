/** What batches take of their tenant's limits. */
import type { PlanLimits } from '../tenancy/plans.ts';
import type { Demand } from './gate.ts';

/**
 * The limits as a line of a batch is held to them: half of every rate of a minute and of the open jobs, so that what its
 * tenant asks for by itself finds the other half, however long its batches are. A line that needs more than half of a
 * window by itself has the whole one. Quotas of a day and of a month are not halved: they are the tenant's to spend. Nor is
 * a rate of a second, whose window would be another one: what waits for it waits a moment.
 */
export function withHalfRates(
  limits: PlanLimits,
  { images, tokens }: Pick<Demand, 'images' | 'tokens'>,
): PlanLimits {
  return {
    ...limits,
    ...halved('requests_per_minute', limits, 1),
    ...halved('images_per_minute', limits, images),
    ...halved('tokens_per_minute', limits, tokens),
    open_jobs_max: Math.max(1, Math.floor(limits.open_jobs_max / 2)),
  };
}

type Rate = 'requests_per_minute' | 'images_per_minute' | 'tokens_per_minute';

function halved(name: Rate, { [name]: max }: PlanLimits, need: number): Partial<PlanLimits> {
  if (max === undefined) return {};
  const half = Math.max(1, Math.floor(max / 2));
  return { [name]: need > half ? max : half };
}
