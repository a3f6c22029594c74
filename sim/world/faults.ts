/**
 * What a call to the outside may come to. The third of them finds the bugs: a write that took effect and whose caller
 * was told that it failed (reliability.md 0). Every run draws its own subset and rates (swarm testing, Groce et al.,
 * ISSTA 2012): a fixed mix hides what only shows when something else stays quiet.
 */
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';
import type { Site } from './calls.ts';

/** What runs draw from one stream, in this order: another kind among them would change every run. */
const drawnKinds = [
  'slow',
  'throttled',
  'failed',
  'applied_failed',
  'resent',
  'crash_before',
  'crash_after',
] as const;

/** `held`: the call takes effect, and whoever made it stops before it sees the answer, for longer than a lease perhaps. */
export const faultKinds = [...drawnKinds, 'held'] as const;

type DrawnKind = (typeof drawnKinds)[number];

export type FaultKind = (typeof faultKinds)[number];

/** A service that is out of reach refuses at once (`down`), or says nothing until its caller gives up (`deaf`). */
export type Absence = 'down' | 'deaf';

/** Only a write can take effect unseen, or take effect twice. */
const writesOnly: ReadonlySet<FaultKind> = new Set(['applied_failed', 'resent', 'crash_after']);

export function applies(kind: FaultKind, isWrite: boolean): boolean {
  return isWrite || !writesOnly.has(kind);
}

/** Chance of each kind a call, when the run has it on (reliability.md 3.2; crashes are rarer, one ends many calls). */
const rates: Readonly<Record<DrawnKind, number>> = {
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
const favourites: readonly DrawnKind[] = [
  ...drawnKinds,
  ...(['crash_before', 'crash_before', 'crash_after'] as const),
];

/** Drawn by chance of its own, so that the other worlds are what they were. */
const holdShare = 0.25;
/** Of the calls in those worlds, beside the first ones of rare sites. */
const holdRate = 0.003;

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
  readonly seed: number;
  readonly isCalm: boolean;
  readonly without: ReadonlySet<string>;
  /** `site kind` that strikes the first calls of the site, in place of what the run would favour. */
  readonly favour?: string | undefined;
}

export function createFaultPlan(random: Random, options: FaultPlanOptions): FaultPlan {
  const { isCalm, without, favour } = options;
  const intensity = 0.3 + 1.4 * random();
  const on = drawnKinds.filter((kind) => random() < 0.7 && !isCalm && !without.has(kind));
  const drawn = drawFavourite(random, isCalm || without.has('favourite'));
  const favours = favour === undefined ? drawn : favouriteOf(favour);
  const holds = drawHolds(options);
  const hits = new Map<string, number>();
  let isHealed = false;

  return {
    hits,
    draw(site, isWrite) {
      const point = random();
      if (isHealed) return null;
      const kind = favours(site, isWrite) ?? pick(on, isWrite, point / intensity) ?? holds(site);
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

function pick(on: readonly DrawnKind[], isWrite: boolean, point: number): DrawnKind | null {
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
  const isRare = drawRarity(random);
  if (!isOn) return () => null;
  return (site, isWrite) =>
    isRare(site) && applies(kind, isWrite) && random() < favourite.rate ? kind : null;
}

/** Whether a call, of which each is to be asked about, is among the first ones of its site, once some were made. */
function drawRarity(random: Random): (site: Site) => boolean {
  const afterCalls = random() ** 2 * favourite.afterCallsMax;
  const calls = new Map<Site, number>();
  let made = 0;
  return (site) => {
    made += 1;
    return count(calls, site) <= favourite.ofCalls && made > afterCalls;
  };
}

function drawHolds({ seed, isCalm, without }: FaultPlanOptions): (site: Site) => 'held' | null {
  const random = createRandom(seed + 0x401d);
  if (random() >= holdShare || isCalm || without.has('held')) return () => null;
  const isRare = drawRarity(random);
  return (site) => (random() < (isRare(site) ? favourite.rate : holdRate) ? 'held' : null);
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
