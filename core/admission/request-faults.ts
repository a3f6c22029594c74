/** What a request asks for that no moment could grant: told before any write, with the field that is at fault. */
import type { ErrorDetail } from '../errors.ts';
import type { Work } from '../models/manifest.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import type { AdmissionAsk } from './gate.ts';
import { inLimitUnit, neverFits } from './gate.ts';

/** Empty for a request that fits the plan, if not at this moment then at another. */
export function faultsOfRequest(limits: PlanLimits, work: Work, ask: AdmissionAsk): ErrorDetail[] {
  return [...overPlan(limits, work), ...overWindow(ask)];
}

/** Limits of the plan that a single request can break by itself. */
function overPlan(limits: PlanLimits, work: Work): ErrorDetail[] {
  const bounds: [string, number, number | undefined][] = [
    ['input.steps', work.steps, limits.steps_max],
    ['input.size', work.pixels, limits.pixels_max],
    ['input.n', work.images, limits.images_per_request_max],
  ];
  return bounds.flatMap(([path, value, max]) =>
    max === undefined || value <= max
      ? []
      : [{ path, message: `the plan allows ${max} at most, this asks for ${value}` }],
  );
}

/**
 * More than a whole window's worth fits at no time, so there is none to come back at. Money is left to the gate, whose
 * answer says what is spent.
 */
function overWindow(ask: AdmissionAsk): ErrorDetail[] {
  const counter = neverFits(ask);
  if (counter === undefined || counter.limit === 'budget_usd_micros_per_month') return [];
  const [max, value] = [counter.max, counter.add].map((amount) => inLimitUnit(counter.limit, amount));
  const message = `the limit ${counter.limit} is ${max}, this alone asks for ${value}`;
  return [{ path: counter.limit === 'images_per_minute' ? 'input.n' : 'input', message }];
}
