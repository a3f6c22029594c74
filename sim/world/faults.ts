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

/** A service that is out of reach refuses at once (`down`), or says nothing until its caller gives up (`deaf`). */
export type Absence = 'down' | 'deaf';

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

/**
 * Most runs have a favourite: one kind, which strikes the first calls of a site once the run has made some calls. By
 * then every common call has been made, so it is the rare ones that are struck, and among them again those that only a
 * strike brings about.
 */
const favourite = { share: 0.6, ofCalls: 2, afterCallsMax: 1_000, rate: 0.5 } as const;

/** The rarer elsewhere, the more often. */
const favourites: readonly FaultKind[] = [
  ...faultKinds,
  ...(['crash_before', 'crash_before', 'crash_after'] as const),
];

export interface FaultPlan {
  /** The fault of this call, or null. Counted. */
  draw(site: Site, isWrite: boolean): FaultKind | null;
  /** Counts a call to a service that is out of reach, as `site down`. */
  noteDown(site: Site): void;
  /** From now on nothing fails. */
  heal(): void;
  /** From now on anything may fail once more. */
  relapse(): void;
  /** `site kind` to how often. */
  readonly hits: ReadonlyMap<string, number>;
}

export interface FaultPlanOptions {
  readonly isCalm: boolean;
  readonly without: ReadonlySet<string>;
  /** `site kind` that strikes the first calls of the site, in place of what the run would favour. */
  readonly favour?: string | undefined;
}

export function createFaultPlan(random: Random, { isCalm, without, favour }: FaultPlanOptions): FaultPlan {
  const intensity = 0.3 + 1.4 * random();
  const on = faultKinds.filter((kind) => random() < 0.7 && !isCalm && !without.has(kind));
  const drawn = drawFavourite(random, isCalm || without.has('favourite'));
  const favours = favour === undefined ? drawn : favouriteOf(favour);
  const hits = new Map<string, number>();
  let isHealed = false;

  return {
    hits,
    draw(site, isWrite) {
      const point = random();
      if (isHealed) return null;
      const kind = favours(site, isWrite) ?? pick(on, isWrite, point / intensity);
      if (kind !== null) count(hits, `${site} ${kind}`);
      return kind;
    },
    noteDown(site) {
      count(hits, `${site} down`);
    },
    heal() {
      isHealed = true;
    },
    relapse() {
      isHealed = false;
    },
  };
}

function pick(on: readonly FaultKind[], isWrite: boolean, point: number): FaultKind | null {
  let sum = 0;
  for (const kind of on) {
    if (!applies(kind, isWrite)) continue;
    sum += rates[kind];
    if (point < sum) return kind;
  }
  return null;
}

/** Drawn whether or not it is left out, so that leaving it out changes nothing else. */
function drawFavourite(
  random: Random,
  isLeftOut: boolean,
): (site: Site, isWrite: boolean) => FaultKind | null {
  const isOn = random() < favourite.share && !isLeftOut;
  const kind = favourites[Math.floor(random() * favourites.length)] ?? 'slow';
  const afterCalls = random() ** 2 * favourite.afterCallsMax;
  if (!isOn) return () => null;
  const calls = new Map<Site, number>();
  let made = 0;
  return (site, isWrite) => {
    made += 1;
    const ofSite = count(calls, site);
    const isRare = made > afterCalls && ofSite <= favourite.ofCalls && applies(kind, isWrite);
    return isRare && random() < favourite.rate ? kind : null;
  };
}

/** So many, that a first call whose process died before is followed by one that is struck. */
const favouredCalls = 3;

function favouriteOf(favour: string): (site: Site) => FaultKind | null {
  const kind = faultKinds.find((each) => favour.endsWith(` ${each}`)) ?? null;
  let left = favouredCalls;
  return (site) => {
    if (kind === null || favour !== `${site} ${kind}` || left === 0) return null;
    left -= 1;
    return kind;
  };
}

function count(counts: Map<string, number>, name: string): number {
  const next = (counts.get(name) ?? 0) + 1;
  counts.set(name, next);
  return next;
}

/** What a caller sees of a call that failed, or seems to. */
export class SimulatedFault extends Error {
  constructor(kind: FaultKind | Absence, site: Site) {
    super(`simulated: ${kind} at ${site}`);
    this.name = 'SimulatedFault';
  }
}
