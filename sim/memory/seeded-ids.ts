/** `Ids` that come out alike for a seed, so that a failing run can be run again. */
import type { Ids } from '#core/ports/process.ts';

/** Crockford's base32 in lower case: ids become parts of keys and paths. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export function createSeededIds(seed: number): Ids {
  const random = splitMix32(seed);
  function characters(count: number): string {
    let text = '';
    for (let left = count; left > 0; left -= 1) text += alphabet.charAt(random() & 31);
    return text;
  }

  return {
    next: (prefix) => `${prefix}_${characters(26)}`,
    nonce: () => characters(8),
  };
}

/** SplitMix32 (public domain): 32 well-mixed bits a call. */
function splitMix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let bits = state ^ (state >>> 16);
    bits = Math.imul(bits, 0x21f0aaad);
    bits ^= bits >>> 15;
    bits = Math.imul(bits, 0x735a2d97);
    return (bits ^ (bits >>> 15)) >>> 0;
  };
}
