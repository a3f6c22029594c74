import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { knownWords, parseShapesPrompt } from './shapes-prompt.ts';
import { shapesModelDirectory, vocabulary } from './shapes-vocabulary.ts';

const rowSchema = z.object({
  prompt: z.string(),
  slots: z.array(z.int()),
  unknownWords: z.array(z.string()).default([]),
});

const shared = readRows(new URL('../../training/tests/prompt-slots.json', import.meta.url));
const gate = readRows(`${shapesModelDirectory}/gate-prompts.json`);

describe('parseShapesPrompt', () => {
  it.each(shared)('reads "$prompt" as the training code encodes it', ({ prompt, slots, unknownWords }) => {
    expect(parseShapesPrompt(prompt)).toEqual({ slots, unknownWords });
  });

  it('reads every gate prompt as the scene it was written from', () => {
    const misread = gate.filter(({ prompt, slots }) => {
      const parsed = parseShapesPrompt(prompt);
      return parsed.slots.join() !== slots.join() || parsed.unknownWords.length > 0;
    });

    expect(misread).toEqual([]);
  });

  it('treats "A left of B" and "B right of A" as the same scene', () => {
    const leftFirst = parseShapesPrompt('a red star left of a green cross');
    const rightFirst = parseShapesPrompt('a green cross right of a red star');

    expect(rightFirst).toEqual(leftFirst);
  });

  it('knows every word of the vocabulary in its own place', () => {
    const shapes = knownWords('shape').map((word) => parseShapesPrompt(`a ${word}`));
    const colours = knownWords('colour').map((word) => parseShapesPrompt(`a ${word} ring`));
    const sizes = knownWords('size').map((word) => parseShapesPrompt(`a ${word} ring`));
    const backgrounds = knownWords('background').map((word) =>
      parseShapesPrompt(`a ring on a ${word} background`),
    );

    for (const parsed of [...shapes, ...colours, ...sizes, ...backgrounds]) {
      expect(parsed.unknownWords).toEqual([]);
    }
  });

  it('reports each word without effect once, in prompt order', () => {
    const parsed = parseShapesPrompt('a shiny Ring and a shiny cube and a sparkling star');

    expect(parsed.unknownWords).toEqual(['shiny', 'cube', 'sparkling']);
  });

  it('gives eight known tokens for any text whatsoever', () => {
    const words = fc.constantFrom(
      ...knownWords('shape'),
      ...knownWords('colour'),
      ...knownWords('background'),
      ...['left', 'of', 'the', 'on', 'background', 'above', 'right', 'a', 'zebra', 'top'],
    );
    const prompts = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 14 }).map((list) => list.join(' ')),
    );

    fc.assert(
      fc.property(prompts, (prompt) => {
        const { slots } = parseShapesPrompt(prompt);
        expect(slots).toHaveLength(vocabulary.slots.length);
        for (const token of slots) expect(token >= 0 && token < vocabulary.tokenCount).toBe(true);
      }),
    );
  });
});

function readRows(file: URL | string) {
  return z.array(rowSchema).parse(JSON.parse(readFileSync(file, 'utf8')));
}
