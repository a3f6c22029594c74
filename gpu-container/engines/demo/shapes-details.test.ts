import { describe, expect, it } from 'vitest';
import { settleSlots } from './shapes-details.ts';
import { parseShapesPrompt } from './shapes-prompt.ts';
import { vocabulary } from './shapes-vocabulary.ts';

const seeds = Array.from({ length: 200 }, (_, seed) => seed);
const anyTokens = new Set([
  vocabulary.background.special.any,
  vocabulary.colour.special.any,
  vocabulary.size.special.any,
]);

describe('settleSlots', () => {
  it('leaves a prompt that says everything as it is', () => {
    const { slots } = parseShapesPrompt('a small red ring above a large blue square on a dark background');

    for (const seed of seeds) expect(settleSlots(slots, seed)).toEqual(slots);
  });

  it('chooses every open detail, the same for the same seed', () => {
    const { slots } = parseShapesPrompt('a ring above a square');

    for (const seed of seeds) {
      const settled = settleSlots(slots, seed);
      expect(settled.filter((token) => anyTokens.has(token))).toEqual([]);
      expect(settleSlots(slots, seed)).toEqual(settled);
    }
  });

  it('keeps what the prompt says, and never gives two objects one colour by itself', () => {
    const prompts = ['a ring above a square', 'a red ring above a square', 'a ring above a red square'];

    for (const { slots } of prompts.map(parseShapesPrompt)) {
      for (const seed of seeds) {
        const settled = settleSlots(slots, seed);
        expect(settled[3]).not.toBe(settled[6]);
        for (const [slot, token] of slots.entries())
          if (!anyTokens.has(token)) expect(settled[slot]).toBe(token);
      }
    }
  });

  it('draws one object of any shape when the prompt names none', () => {
    const { slots } = parseShapesPrompt('a cat');

    const shapes = new Set(seeds.map((seed) => settleSlots(slots, seed)[2]));

    expect(shapes).toEqual(new Set(vocabulary.shape.entries.map((entry) => entry.token)));
  });

  it('chooses all backgrounds about equally often', () => {
    const { slots } = parseShapesPrompt('a ring');
    const counts = new Map<number | undefined, number>();
    for (let seed = 0; seed < 5000; seed += 1) {
      const background = settleSlots(slots, seed)[0];
      counts.set(background, (counts.get(background) ?? 0) + 1);
    }

    expect(counts.size).toBe(vocabulary.background.entries.length);
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(120);
  });

  it('keeps a choice when the prompt settles another detail', () => {
    const open = settleSlots(parseShapesPrompt('a ring').slots, 5);
    const named = settleSlots(parseShapesPrompt('a large ring').slots, 5);

    expect([named[0], named[3]]).toEqual([open[0], open[3]]);
  });
});
