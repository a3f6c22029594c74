/**
 * How the outside misbehaves in some worlds, beside single calls: a queue that puts worn tickets aside or holds back, a fleet
 * that lies, refuses, or takes its machines away. Each by chance of its own, so that a world without it is the world that it
 * was; all of them end once everything works again.
 */
import type { Random } from '../random.ts';
import { createRandom } from '../random.ts';

/**
 * - `aside`: a ticket is moved to the dead-letter queue after a few deliveries, where the product's queues take a thousand.
 * - `crowded`: only so many tickets may be in hand; above that the queue hands out none.
 * - `lies`: the fleet tells what it was a minute or two ago, or one too many or too few.
 * - `unplaced`: workers that were asked for do not come, and nobody says so.
 * - `notices`: Spot takes a worker's machine away, some time after it told the worker.
 */
export const quirks = ['aside', 'crowded', 'lies', 'unplaced', 'notices'] as const;

export type Quirk = (typeof quirks)[number];

const shares: Readonly<Record<Quirk, number>> = {
  aside: 0.12,
  crowded: 0.1,
  lies: 0.12,
  unplaced: 0.1,
  notices: 0.12,
};

/** The draws of a seed's quirk, or null where it has none. */
export function quirkChance(seed: number, quirk: Quirk): Random | null {
  const random = createRandom(seed + 0x9a1b + quirks.indexOf(quirk) * 0x3f1);
  return random() < shares[quirk] ? random : null;
}

/** @param without kinds that are left out */
export function drawQuirks(
  seed: number,
  { isCalm, without }: { readonly isCalm: boolean; readonly without: ReadonlySet<string> },
): ReadonlySet<Quirk> {
  return new Set(quirks.filter((each) => !isCalm && !without.has(each) && quirkChance(seed, each) !== null));
}

/** A world, as far as its quirks go. */
interface Quirky {
  readonly seed: number;
  readonly quirks: ReadonlySet<Quirk>;
}

/** The draws of a world's quirk, or null where it has none or leaves it out. */
export function drawsOf({ seed, quirks: on }: Quirky, quirk: Quirk): Random | null {
  return on.has(quirk) ? quirkChance(seed, quirk) : null;
}

export interface QueueBounds {
  /** Deliveries before a ticket is put aside. */
  readonly deliveriesMax: number;
  /** Tickets that may be in hand at once. */
  readonly inHandMax: number;
}

export const unbounded: QueueBounds = { deliveriesMax: Infinity, inHandMax: Infinity };

/** Of the queues of a world, where the product's own bounds are such as no world is long enough to reach: null for those. */
export function queueBoundsOf(world: Quirky): QueueBounds | null {
  if (!world.quirks.has('aside') && !world.quirks.has('crowded')) return null;
  const drawn = (quirk: Quirk, choices: readonly number[]) => {
    const random = drawsOf(world, quirk);
    return random === null ? Infinity : (choices[Math.floor(random() * choices.length)] ?? Infinity);
  };
  return { deliveriesMax: drawn('aside', [1, 3, 10]), inHandMax: drawn('crowded', [1, 2, 4]) };
}
