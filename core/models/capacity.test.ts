import { describe, expect, it } from 'vitest';
import { fillBatch, roomMbOf } from '../dispatch/packing.ts';
import { capacityOf, manifestFootprint, sizingFootprint } from './capacity.ts';
import { cardNames, cards, findCard } from './cards.ts';
import type { Quant } from './memory.ts';
import { findSizing, sizings } from './sizing.ts';

const pixels = 512 * 512;

function footprint(model: string, quant?: Quant, isEncoderOffloaded = false) {
  const sizing = findSizing(model);
  if (sizing === null) throw new Error(`no sizing of ${model}`);
  const found = sizingFootprint(sizing, { quant: quant ?? sizing.quant, pixels, isEncoderOffloaded });
  if (found === null) throw new Error(`no ${quant} of ${model}`);
  return found;
}

describe('tenants on an 80 GB card, each with a runner of its own', () => {
  it.each([
    ['qwen3-vl-4b', 8_000, 10, 13],
    ['qwen3-vl-8b', 12_000, 6, 10],
    ['qwen3-vl-30b', 24_000, 3, 4],
  ])('%s: %d MB each, %d of them', (model, eachMb, tenants, tenantsAtBest) => {
    const { process } = capacityOf(cards['a100-80'].memoryMb, footprint(model), null);

    expect(process).toEqual({ eachMb, tenants, tenantsAtBest, isAllotmentTooSmall: false });
  });

  it('are fewer with larger weights, and more where the weights are shared', () => {
    const [int4, bf16] = (['int4', 'bf16'] as const).map((quant) =>
      capacityOf(80_000, footprint('qwen3-vl-8b', quant), null),
    );

    expect([int4?.process.tenants, bf16?.process.tenants]).toEqual([6, 3]);
    expect([int4?.shared.tenants, bf16?.shared.tenants]).toEqual([15, 13]);
  });
});

describe('parallel pictures of 512 px', () => {
  /** What the worker's packing lets into one call. */
  function accepted(cardMb: number, quant: Quant, isEncoderOffloaded: boolean): number {
    const { weightsMb, jobMb } = footprint('z-image-turbo', quant, isEncoderOffloaded);
    const roomMb = roomMbOf({ isolation: 'shared', allotmentMb: null }, weightsMb, cardMb);
    const job = { tenantId: 'a', memoryMb: jobMb, allotmentMb: null, runningJobsMax: null };
    return fillBatch([], Array(32).fill(job), { jobsMax: 32, roomMb }).length;
  }

  it.each([
    ['l4-24', 'bf16', true, 2],
    ['l4-24', 'int4', false, 3],
    ['l4-24', 'int4', true, 4],
    ['a10g-24', 'int4', true, 4],
    ['a100-40', 'bf16', true, 5],
    ['a100-40', 'fp8', false, 6],
    ['l40s-48', 'bf16', false, 5],
    ['l40s-48', 'bf16', true, 7],
    ['l40s-48', 'int4', false, 9],
    ['a100-80', 'bf16', false, 12],
    ['h200-141', 'bf16', false, 26],
  ] as const)('on %s in %s, text encoder offloaded: %s: %d', (name, quant, isEncoderOffloaded, pictures) => {
    expect(accepted(cards[name].memoryMb, quant, isEncoderOffloaded)).toBe(pictures);
  });

  it('are four or more on every card of 24 GB and up, and none in bf16 on one of 16', () => {
    const large = cardNames
      .flatMap((name) => findCard(name) ?? [])
      .filter(({ memoryMb }) => memoryMb >= 24_000);

    expect(large.length).toBeGreaterThan(4);
    for (const { memoryMb } of large) expect(accepted(memoryMb, 'int4', true)).toBeGreaterThanOrEqual(4);
    expect(accepted(cards['t4-16'].memoryMb, 'bf16', false)).toBe(0);
  });

  it('are as many as the capacity says', () => {
    for (const name of cardNames) {
      const cardMb = findCard(name)?.memoryMb ?? 0;

      const { jobsInOneCall } = capacityOf(cardMb, footprint('z-image-turbo', 'fp8'), null);

      expect(jobsInOneCall).toBe(accepted(cardMb, 'fp8', false));
    }
  });
});

describe('an allotment', () => {
  const figures = manifestFootprint({ weights_mb: 4_000, per_image: [{ pixels, mb: 2_000 }] }, pixels);

  it('divides the card without its reserve, and without the weights where they are shared', () => {
    const { shared, process } = capacityOf(20_000, figures, 6_000);

    expect([shared.tenants, process.tenants]).toEqual([2, 3]);
  });

  it('is divided beside what a model keeps for adapters', () => {
    const memory = { weights_mb: 4_000, adapters_mb: 3_000, per_image: [{ pixels, mb: 2_000 }] };

    const { shared, process } = capacityOf(20_000, manifestFootprint(memory, pixels), 6_000);

    expect([shared.tenants, process.tenants]).toEqual([1, 0]);
    expect(process.isAllotmentTooSmall).toBe(true);
  });

  it('that one job does not fit holds nobody', () => {
    const { shared, process } = capacityOf(20_000, figures, 5_000);

    expect(shared).toMatchObject({ tenants: 2, isAllotmentTooSmall: false });
    expect(process).toMatchObject({ tenants: 0, isAllotmentTooSmall: true });
  });
});

describe('the tables', () => {
  it('have the weights of the form that each entry is shown with, and shares above them', () => {
    for (const { weights, quant, use } of Object.values(sizings)) {
      expect(weights[quant]?.mb).toBeGreaterThan(0);
      if (use.kind === 'share') expect(use.lowMb).toBeGreaterThan(weights[quant]?.mb ?? Number.NaN);
    }
  });

  it('know no other names', () => {
    expect([findCard('a100'), findCard('toString'), findSizing('qwen'), findSizing('toString')]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});
