/** Chance for simulations: the same numbers for the same seed, on every machine. */

/** Uniform in [0, 1). */
export type Random = () => number;

/** Mulberry32 (public domain). */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Exponential with this mean, a whole number of milliseconds and never zero. */
export function exponentialMs(random: Random, meanMs: number): number {
  return Math.max(1, Math.round(-Math.log(1 - random()) * meanMs));
}

/** How far a predicted cost may be from the actual one, either way (tenancy.md 3). */
export const predictionFactor = 1.35;

/** A prediction of this cost, log-uniform within {@link predictionFactor}. */
export function predictMs(random: Random, actualMs: number): number {
  return Math.max(1, Math.round(actualMs * predictionFactor ** (2 * random() - 1)));
}
