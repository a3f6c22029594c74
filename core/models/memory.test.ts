import { describe, expect, it } from 'vitest';
import {
  allotmentMbOf,
  imagePeakMb,
  memorySchema,
  plannableMb,
  predictedPeakMb,
  residentMb,
} from './memory.ts';

const memory = {
  weights_mb: 20_500,
  per_image: [
    { pixels: 512 * 512, mb: 4_000 },
    { pixels: 768 * 768, mb: 6_000 },
    { pixels: 1024 * 1024, mb: 10_000 },
  ],
};

describe('the peak of an image', () => {
  it.each([
    ['smaller than the first row: as that row', 256 * 256, 4_000],
    ['of a row: as it says', 768 * 768, 6_000],
    ['between two rows: as the larger', 768 * 768 + 1, 10_000],
    ['above the last row: with its pixels', 2048 * 2048, 40_000],
  ])('%s', (_, pixels, mb) => {
    expect(imagePeakMb(memory, pixels)).toBe(mb);
  });

  it('counts for every image of a call', () => {
    expect(predictedPeakMb(memory, { images: 4, pixels: 512 * 512 })).toBe(16_000);
  });

  it('counts once a call in the part that is said to be of the call', () => {
    const parted = { per_image: [{ pixels: 512 * 512, call_mb: 900, mb: 300 }] };

    expect(imagePeakMb(parted, 512 * 512)).toBe(1_200);
    expect(predictedPeakMb(parted, { images: 4, pixels: 512 * 512 })).toBe(2_100);
    expect(predictedPeakMb(parted, { images: 2, pixels: 1024 * 1024 })).toBe(6_000);
  });
});

describe('what a model keeps of a card', () => {
  it('is its weights and what may stay of adapters', () => {
    expect(residentMb(memory)).toBe(20_500);
    expect(residentMb({ ...memory, adapters_mb: 1_000 })).toBe(21_500);
  });
});

describe('memory figures', () => {
  it('need a row, and rows that rise, or the figure of an answer', () => {
    expect(memorySchema.safeParse({ ...memory, per_image: [] }).success).toBe(false);
    expect(memorySchema.safeParse({ ...memory, per_image: [], per_answer_mb: 1 }).success).toBe(true);
    expect(memorySchema.safeParse({ ...memory, per_answer_mb: 1 }).success).toBe(false);
    expect(memorySchema.safeParse({ ...memory, per_image: memory.per_image.toReversed() }).success).toBe(
      false,
    );
    expect(memorySchema.parse(memory)).toEqual(memory);
  });
});

describe('a card', () => {
  it('keeps a tenth back', () => {
    expect(plannableMb(24_000)).toBe(21_600);
  });
});

describe('an allotment', () => {
  it('is whole MB of its GB', () => {
    expect([10, 1.5, 0.001, 8.2].map(allotmentMbOf)).toEqual([10_000, 1_500, 1, 8_200]);
  });
});
