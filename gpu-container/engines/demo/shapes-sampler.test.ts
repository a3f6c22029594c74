import { describe, expect, it } from 'vitest';
import { gaussianNoise } from './shapes-noise.ts';
import { type ShapesNetworks, sampleShapes, shapesPictureFloats } from './shapes-sampler.ts';

/** A network whose clean picture is flat: the first slot of each row's prompt. */
const flatNetworks: ShapesNetworks = {
  encode: async (slots) => ({
    vectors: Float32Array.from(slots.map(([level = 0]) => level)),
    plan: new Float32Array(),
  }),
  denoise: async (x, _time, { vectors }) =>
    x.map((_, index) => vectors[Math.floor(index / shapesPictureFloats)] ?? 0),
};

describe('sampleShapes', () => {
  it.each([1, 5, 16])('lands on the predicted picture after %i steps', async (steps) => {
    const [picture] = await sampleShapes(flatNetworks, [{ slots: [0.5], seed: 1 }], {
      steps,
      guidance: 1,
      nullSlots: [0],
    });

    expect(extremes(picture)).toEqual([0.5, 0.5]);
  });

  it('moves away from the null prompt by the guidance', async () => {
    const [picture] = await sampleShapes(flatNetworks, [{ slots: [0.5], seed: 1 }], {
      steps: 4,
      guidance: 3,
      nullSlots: [0.25],
    });

    expect(extremes(picture)).toEqual([1, 1]);
  });

  it('walks in equal steps from the seed noise, through the times of the flow', async () => {
    const times: number[] = [];
    const seen: number[] = [];
    const networks: ShapesNetworks = {
      ...flatNetworks,
      denoise: async (x, time, encoded, count) => {
        times.push(time);
        seen.push(x[0] ?? Number.NaN);
        return flatNetworks.denoise(x, time, encoded, count);
      },
    };

    await sampleShapes(networks, [{ slots: [0], seed: 9 }], { steps: 4, guidance: 1, nullSlots: [0] });

    const start = gaussianNoise(9, 1)[0] ?? Number.NaN;
    expect(times).toEqual([1, 0.75, 0.5, 0.25]);
    for (const [step, value] of seen.entries()) expect(value).toBeCloseTo(start * (1 - step / 4), 6);
  });

  it('runs the remaining items alone once others are cancelled', async () => {
    const counts: number[] = [];
    const networks: ShapesNetworks = {
      ...flatNetworks,
      denoise: (x, time, encoded, count) => {
        counts.push(count);
        return flatNetworks.denoise(x, time, encoded, count);
      },
    };
    const items = [0.1, 0.2, 0.3].map((level, seed) => ({ slots: [level], seed }));

    const results = await sampleShapes(networks, items, {
      steps: 4,
      guidance: 2,
      nullSlots: [0],
      isCanceled: (index) => index !== 2 && counts.length >= 2,
    });

    expect(counts).toEqual([6, 6, 2, 2]);
    expect(results.slice(0, 2)).toEqual(['canceled', 'canceled']);
    expect(extremes(results[2])[0]).toBeCloseTo(0.6, 6);
  });
});

function extremes(picture: Float32Array | 'canceled' | undefined): number[] {
  if (!(picture instanceof Float32Array)) throw new Error('Expected a picture.');
  return [Math.min(...picture), Math.max(...picture)];
}
