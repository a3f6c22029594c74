import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pickToken } from './scenes-sampling.ts';
import { markers } from './scenes-tokenizer.ts';
import { seededUniform } from './shapes-noise.ts';

const greedy = { temperature: 0, topP: 1 };

function never(): number {
  throw new Error('nothing is drawn here');
}

/** Scores of ten tokens, all alike but for those given. */
function scoresOf(some: Readonly<Record<number, number>>): Float32Array {
  const scores = new Float32Array(10).fill(-20);
  for (const [token, score] of Object.entries(some)) scores[Number(token)] = score;
  return scores;
}

function counts(scores: Float32Array, temperature: number, topP: number): Map<number | null, number> {
  const nextUniform = seededUniform(7, 'tokens');
  const picked = Array.from({ length: 4_000 }, () => pickToken(scores, { temperature, topP }, nextUniform));
  return new Map(
    [...Map.groupBy(picked, (token) => token)].map(([token, all]) => [token, all.length / 4_000]),
  );
}

describe('the next token', () => {
  it('is the likeliest at temperature 0, the lower of two alike, and nothing is drawn for it', () => {
    expect(pickToken(scoresOf({ 5: 2, 7: 3, 8: 3 }), greedy, never)).toBe(7);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('is none where a score is %d', (score) => {
    expect(pickToken(scoresOf({ 5: score }), greedy, never)).toBeNull();
  });

  it('is never a marker, but for the end', () => {
    const scores = scoresOf({
      [markers.system]: 9,
      [markers.user]: 9,
      [markers.assistant]: 9,
      [markers.end]: 1,
    });

    expect(pickToken(scores, greedy, never)).toBe(markers.end);
    expect([...counts(scores, 1, 1).keys()]).toEqual([markers.end]);
  });

  it('comes as often as its score says, and evener when it is hotter', () => {
    const scores = scoresOf({ 5: Math.log(3), 6: 0 });

    expect(counts(scores, 1, 1).get(5)).toBeCloseTo(0.75, 1);
    expect(counts(scores, 2, 1).get(5)).toBeCloseTo(Math.sqrt(3) / (1 + Math.sqrt(3)), 1);
  });

  it('comes from the fewest tokens that reach top_p', () => {
    const scores = scoresOf({ 5: Math.log(6), 6: Math.log(3), 7: 0 });

    expect([...counts(scores, 1, 0.5).keys()]).toEqual([5]);
    expect([...counts(scores, 1, 0.7).keys()].toSorted()).toEqual([5, 6]);
  });

  it('is one of those that there are, whatever is drawn', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -50, max: 50 }), { minLength: 5, maxLength: 20 }),
        fc.double({ min: 0, max: 2, noNaN: true }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (scores, temperature, topP, drawn) => {
          const token = pickToken(Float32Array.from(scores), { temperature, topP }, () => drawn);

          expect([...scores.keys()].filter((one) => one === 0 || one > markers.assistant)).toContain(token);
        },
      ),
    );
  });
});
