/** What a request asks for that no moment could grant: told before any write, with the field that is at fault. */
import type { ErrorDetail } from '../errors.ts';
import type { Work } from '../models/manifest.ts';
import { allotmentMbOf } from '../models/memory.ts';
import type { PlanLimits } from '../tenancy/plans.ts';
import type { AdmissionAsk, LimitName } from './gate.ts';
import { inLimitUnit, neverFits } from './gate.ts';

/** Empty for a request that fits the plan, if not at this moment then at another. */
export function faultsOfRequest(limits: PlanLimits, work: Work, ask: AdmissionAsk): ErrorDetail[] {
  return [
    ...overPlan(limits, work),
    ...overMemory(limits, work),
    ...overCard(work),
    ...overWindow(work, ask),
  ];
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

/** A job that alone takes more than the tenant's part of a card would wait for ever. */
function overMemory(limits: PlanLimits, work: Work): ErrorDetail[] {
  if (limits.gpu_memory_gb === undefined) return [];
  const allotmentMb = allotmentMbOf(limits.gpu_memory_gb);
  // A process of its own holds a copy of the model, and its cap counts it.
  const residentMb = limits.isolation === 'process' ? work.residentMb : 0;
  const needMb = residentMb + work.memoryMb;
  if (needMb <= allotmentMb) return [];
  const message = `the limit gpu_memory_gb is ${limits.gpu_memory_gb}, this alone takes ${needMb / 1000} GB`;
  return [{ path: largeField(work, allotmentMb - residentMb), message }];
}

/** One that no card of its pool can hold would be failed by each worker that is started for it. */
function overCard(work: Work): ErrorDetail[] {
  if (work.roomMb === null || work.memoryMb <= work.roomMb) return [];
  const [has, takes] = [work.roomMb, work.memoryMb].map((mb) => mb / 1000);
  const message = `the model's card has ${has} GB for one job, this alone takes ${takes} GB`;
  return [{ path: largeField(work, work.roomMb), message }];
}

/** What makes a request too large for so much memory. Nothing of one makes an answer take less. */
function largeField({ images, memoryMbMin }: Work, roomMb: number): string {
  if (roomMb <= 0 || images === 0) return 'model';
  return memoryMbMin <= roomMb ? 'input.n' : 'input.size';
}

/**
 * More than a whole window's worth fits at no time, so there is none to come back at. Money is left to the gate, whose
 * answer says what is spent.
 */
function overWindow(work: Work, ask: AdmissionAsk): ErrorDetail[] {
  const counter = neverFits(ask);
  if (counter === undefined || counter.limit === 'budget_usd_micros_per_month') return [];
  const [max, value] = [counter.max, counter.add].map((amount) => inLimitUnit(counter.limit, amount));
  const message = `the limit ${counter.limit} is ${max}, this alone asks for ${value}`;
  return [{ path: fieldOf(counter.limit, work), message }];
}

function fieldOf(limit: LimitName, { tokens }: Work): string {
  switch (limit) {
    case 'images_per_minute':
      return 'input.n';
    case 'tokens_per_minute':
      return tokens.path;
    default:
      return 'input';
  }
}
