import { describe, expect, it } from 'vitest';
import { gaussianNoise, seededUniform } from './shapes-noise.ts';

describe('gaussianNoise', () => {
  it('has mean 0 and deviation 1', () => {
    const noise = gaussianNoise(1, 100_001);
    const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
    const deviation = Math.sqrt(noise.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noise.length);

    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(deviation - 1)).toBeLessThan(0.02);
  });

  it('differs between neighbouring seeds and between seeds that share their low 32 bits', () => {
    const first = gaussianNoise(7, 4).toString();

    expect(gaussianNoise(8, 4).toString()).not.toBe(first);
    expect(gaussianNoise(7 + 2 ** 32, 4).toString()).not.toBe(first);
  });

  it('draws for a seed what it drew at release, so that old pictures can be drawn again', () => {
    expect([...gaussianNoise(42, 3)].map((value) => value.toFixed(5))).toMatchInlineSnapshot(`
      [
        "1.54457",
        "0.70239",
        "0.89765",
      ]
    `);
  });

  it.each([-1, 1.5, 2 ** 53, Number.NaN])('refuses %d as a seed', (seed) => {
    expect(() => gaussianNoise(seed, 1)).toThrow(RangeError);
  });
});

describe('seededUniform', () => {
  it('gives each stream of a seed its own values', () => {
    const noise = seededUniform(3, 'noise');
    const details = seededUniform(3, 'details');

    expect(details()).not.toBe(noise());
  });
});
