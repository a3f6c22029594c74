/**
 * What one request of a process has looked at so far. What it then does is held to that and to nothing newer or older,
 * however long its calls took, its process was held, or its clock was wrong: so no check has to allow for any of these.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { PlanLimits } from '#core/tenancy/plans.ts';

export interface Looks {
  /** Limits of each tenant as the request read them: all of them, where it did so more than once. */
  readonly limits: Map<string, PlanLimits[]>;
  /** When it last counted the work of each pool. */
  readonly countedAtMs: Map<string, number>;
}

const current = new AsyncLocalStorage<Looks>();

export function inRequest<T>(work: () => Promise<T>): Promise<T> {
  return current.run({ limits: new Map(), countedAtMs: new Map() }, work);
}

/** Of the request that is under way; null for what the simulator itself does. */
export function looksOfRequest(): Looks | null {
  return current.getStore() ?? null;
}
