/**
 * Seeded chance for the demo models: each picture or answer draws its own, so it does not depend on its batch mates.
 *
 * The generator is sfc32 (Chris Doty-Humphrey, PractRand: 96 bits of state and a 32-bit counter), seeded with the
 * two 32-bit halves of the seed and run twelve rounds to mix them. What a seed draws is part of what the model
 * promises: changing this file changes pictures and answers.
 */

/** Noise, the details that a prompt leaves open and the tokens of an answer are drawn from different streams of one seed. */
export type ChanceStream = 'noise' | 'details' | 'tokens';

const streamStarts: Record<ChanceStream, number> = {
  noise: 0x9e3779b9,
  details: 0x85ebca6b,
  tokens: 0xc2b2ae35,
};

/** Normal values of mean 0 and deviation 1, by the Box-Muller transform. Throws RangeError as `seededUniform`. */
export function gaussianNoise(seed: number, length: number): Float32Array {
  const nextUniform = seededUniform(seed, 'noise');
  const noise = new Float32Array(length);
  for (let index = 0; index < length; index += 2) {
    // 1 - u lies in (0, 1], which keeps the logarithm finite.
    const radius = Math.sqrt(-2 * Math.log(1 - nextUniform()));
    const angle = 2 * Math.PI * nextUniform();
    noise[index] = radius * Math.cos(angle);
    if (index + 1 < length) noise[index + 1] = radius * Math.sin(angle);
  }
  return noise;
}

/**
 * Returns a function that draws uniform values in [0, 1) with 32 random bits each.
 * Throws RangeError unless the seed is an integer from 0 to 2^53 - 1.
 */
export function seededUniform(seed: number, stream: ChanceStream): () => number {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`A seed must be an integer from 0 to 2^53 - 1, not ${seed}.`);
  }
  let a = streamStarts[stream];
  let b = seed >>> 0;
  let c = Math.floor(seed / 2 ** 32) >>> 0;
  let counter = 1;
  const nextUniform = () => {
    const mixed = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + mixed) >>> 0;
    return mixed / 2 ** 32;
  };
  for (let round = 0; round < 12; round += 1) nextUniform();
  return nextUniform;
}
