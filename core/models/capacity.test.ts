import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillBatch, roomMbOf } from '../dispatch/packing.ts';
import { capacityOf, manifestFootprint, sizingFootprint } from './capacity.ts';
import { cardNames, cards, findCard } from './cards.ts';
import { compileModel, manifestSchema } from './manifest.ts';
import type { Quant } from './memory.ts';
import { plannableMb, quants } from './memory.ts';
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
    ['l4-24', 'bf16', false, 0],
    ['l4-24', 'bf16', true, 7],
    ['l4-24', 'fp8', true, 12],
    ['l4-24', 'int8', true, 12],
    ['l4-24', 'int4', false, 3],
    ['l4-24', 'int4', true, 14],
    ['a10g-24', 'bf16', true, 7],
    ['a100-40', 'bf16', true, 19],
    ['a100-40', 'fp8', false, 6],
    ['l40s-48', 'bf16', false, 5],
    ['l40s-48', 'bf16', true, 25],
    ['l40s-48', 'int4', false, 9],
    ['a100-80', 'bf16', false, 12],
    ['h200-141', 'bf16', false, 26],
  ] as const)('on %s in %s, text encoder offloaded: %s: %d', (name, quant, isEncoderOffloaded, pictures) => {
    expect(accepted(cards[name].memoryMb, quant, isEncoderOffloaded)).toBe(pictures);
  });

  it.each(quants)('are six and more on every card of 24 GB and up in %s, text encoder offloaded', (quant) => {
    const large = cardNames
      .flatMap((name) => findCard(name) ?? [])
      .filter(({ memoryMb }) => memoryMb >= 24_000);

    expect(large.length).toBeGreaterThan(4);
    for (const { memoryMb } of large) expect(accepted(memoryMb, quant, true)).toBeGreaterThanOrEqual(6);
  });

  it('are none in bf16 on a card of 16 GB, and one with the text encoder offloaded', () => {
    expect(accepted(cards['t4-16'].memoryMb, 'bf16', false)).toBe(0);
    expect(accepted(cards['t4-16'].memoryMb, 'bf16', true)).toBe(1);
  });

  it('are as many as the capacity says', () => {
    for (const name of cardNames) {
      const cardMb = findCard(name)?.memoryMb ?? 0;

      const { jobsInOneCall } = capacityOf(cardMb, footprint('z-image-turbo', 'fp8'), null);

      expect(jobsInOneCall).toBe(accepted(cardMb, 'fp8', false));
    }
  });
});

describe('the model for cards of 24 GB', () => {
  const path = join(import.meta.dirname, '../../gpu-container/models/z-image-turbo-24gb/manifest.json');
  const manifest = manifestSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  const { weights } = sizings['z-image-turbo'] ?? {};
  const weightsMb = (quant: Quant) => (weights?.[quant]?.mb ?? 0) - (weights?.[quant]?.encoderMb ?? 0);

  it.each([
    ['bf16', 6],
    ['int8', 11],
    ['fp8', 11],
  ] as const)('takes parallel jobs of a picture of 512 px and eight steps in %s: %d', (quant, pictures) => {
    const memory = { ...manifest.memory, weights_mb: weightsMb(quant) };
    const model = compileModel({ ...manifest, memory });
    const parsed = model.parseInput({ prompt: 'a red ring', size: 512 });
    if (parsed.kind === 'invalid') throw new Error('the input of the test is refused');
    const work = model.workOf(parsed.input);
    const room = { isolation: 'shared', allotmentMb: null } as const;
    const roomMb = roomMbOf(room, work.residentMb, cards['l4-24'].memoryMb);
    const job = { tenantId: 'a', memoryMb: work.memoryMb, allotmentMb: null, runningJobsMax: null };

    expect(work.steps).toBe(8);
    expect(fillBatch([], Array(32).fill(job), { jobsMax: 32, roomMb })).toHaveLength(pictures);
  });

  it('takes a job of four pictures of 1024 px, which hold what a call takes once', () => {
    const parsed = compileModel(manifest).parseInput({ prompt: 'a red ring', n: 4 });
    if (parsed.kind === 'invalid') throw new Error('the input of the test is refused');
    const { memoryMb, residentMb } = compileModel(manifest).workOf(parsed.input);

    expect(memoryMb).toBe(1_650 + 4 * 850);
    expect(residentMb + memoryMb).toBeLessThanOrEqual(plannableMb(cards['l4-24'].memoryMb));
  });

  it('has the figures of the sizing table', () => {
    const { use } = findSizing('z-image-turbo') ?? {};

    expect(manifest.memory.weights_mb).toBe(weightsMb('bf16'));
    expect(use).toMatchObject({ perImageOffloaded: manifest.memory.per_image });
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
