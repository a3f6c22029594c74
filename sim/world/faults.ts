/**
 * What a call to the outside may come to. The third of them finds the bugs: a write that took effect and whose caller
 * was told that it failed (reliability.md 0). Every run draws its own subset and rates (swarm testing, Groce et al.,
 * ISSTA 2012): a fixed mix hides what only shows when something else stays quiet.
 */
import type { Random } from '../random.ts';
import type { Site } from './calls.ts';

export const faultKinds = [
  'slow',
  'throttled',
  'failed',
  'applied_failed',
  'resent',
  'crash_before',
  'crash_after',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Only a write can take effect unseen, or take effect twice. */
const writesOnly: ReadonlySet<FaultKind> = new Set(['applied_failed', 'resent', 'crash_after']);

export function applies(kind: FaultKind, isWrite: boolean): boolean {
  return isWrite || !writesOnly.has(kind);
}

/** Chance of each kind a call, when the run has it on (reliability.md 3.2; crashes are rarer, one ends many calls). */
const rates: Readonly<Record<FaultKind, number>> = {
  slow: 0.06,
  throttled: 0.04,
  failed: 0.03,
  applied_failed: 0.04,
  resent: 0.03,
  crash_before: 0.002,
  crash_after: 0.004,
};

export interface FaultPlan {
  /** The fault of this call, or null. Counted. */
  draw(site: Site, isWrite: boolean): FaultKind | null;
  /** From now on nothing fails. */
  heal(): void;
  /** `site kind` to how often. */
  readonly hits: ReadonlyMap<string, number>;
}

export function createFaultPlan(
  random: Random,
  { isCalm, without }: { readonly isCalm: boolean; readonly without: ReadonlySet<string> },
): FaultPlan {
  const intensity = 0.3 + 1.4 * random();
  const on = faultKinds.filter((kind) => random() < 0.7 && !isCalm && !without.has(kind));
  const hits = new Map<string, number>();
  let isHealed = false;

  return {
    hits,
    draw(site, isWrite) {
      const point = random();
      if (isHealed) return null;
      let sum = 0;
      for (const kind of on) {
        if (!applies(kind, isWrite)) continue;
        sum += rates[kind] * intensity;
        if (point < sum) {
          hits.set(`${site} ${kind}`, (hits.get(`${site} ${kind}`) ?? 0) + 1);
          return kind;
        }
      }
      return null;
    },
    heal() {
      isHealed = true;
    },
  };
}

/** What a caller sees of a call that failed, or seems to. */
export class SimulatedFault extends Error {
  constructor(kind: FaultKind, site: Site) {
    super(`simulated: ${kind} at ${site}`);
    this.name = 'SimulatedFault';
  }
}
