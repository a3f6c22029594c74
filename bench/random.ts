/** Mulberry32 (Tommy Ettinger, public domain): the same numbers from 0 to 1 for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of them; undefined when there is none. */
export function oneOf<T>(random: () => number, values: readonly T[]): T | undefined {
  return values[Math.floor(random() * values.length)];
}

/** A number from `min` to below `max`. */
export function between(random: () => number, min: number, max: number): number {
  return min + random() * (max - min);
}
