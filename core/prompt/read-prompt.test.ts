import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { manifestSchema } from '../models/manifest.ts';
import { readPrompt } from './read-prompt.ts';
import { countTokens, wordsOf } from './tokens.ts';

const models = `${import.meta.dirname}/../../gpu-container/models/pilotlight-shapes`;
const shapes = manifestSchema.parse(JSON.parse(readFileSync(`${models}/manifest.json`, 'utf8')));

/** A text, its parts by the library's own rule, which `test_prompt_tokens.py` holds, and those that are counted here. */
const qwenParts = z
  .array(z.tuple([z.string(), z.int(), z.int()]))
  .parse(JSON.parse(readFileSync(`${import.meta.dirname}/qwen2-parts.json`, 'utf8')));

describe('tokens', () => {
  it.each([
    ['a red ring above a blue square', 7],
    ['A well-known fisherman’s T-shirt', 5],
    ["it's 3 stars, 4 x 4", 6],
    ['', 0],
    ['... !', 0],
    ['灯台 🗼 маяк', 2],
  ])('of %j, counted in words, are %i', (prompt, count) => {
    expect(countTokens('words', prompt)).toBe(count);
  });

  it.each(qwenParts)(
    'of %j are %i at least for the tokenizer of Qwen, and counted are %i',
    (prompt, least, count) => {
      expect(countTokens('qwen2', prompt)).toBe(count);
      expect(count).toBeLessThanOrEqual(least);
    },
  );

  it('leave room for three times the longest prompt that pilotlight-shapes was measured with', () => {
    const rows = z
      .array(z.object({ prompt: z.string() }))
      .parse(JSON.parse(readFileSync(`${models}/gate-prompts.json`, 'utf8')));

    const longest = Math.max(...rows.map(({ prompt }) => wordsOf(prompt).length));

    expect(shapes.prompt_tokens?.max).toBeGreaterThanOrEqual(3 * longest);
  });
});

describe('a prompt', () => {
  it('of more words than the model reads is refused with both numbers', () => {
    const words = (count: number) => ({ prompt: 'red '.repeat(count) });

    expect(readPrompt(shapes, words(64))).toMatchObject({ kind: 'read', tokens: 64 });
    expect(readPrompt(shapes, words(65))).toEqual({ kind: 'prompt_too_long', counted: 65, allowed: 64 });
  });

  it.each(['z-image-turbo', 'z-image-turbo-24gb', 'z-image-turbo-2k'])(
    'that is too long for %s for sure is refused',
    (id) => {
      const manifest = `${models}/../${id}/manifest.json`;
      const rules = manifestSchema.parse(JSON.parse(readFileSync(manifest, 'utf8')));
      const tags = (count: number) => ({ prompt: 'a, '.repeat(count) });

      expect(readPrompt(rules, tags(256))).toMatchObject({ kind: 'read', tokens: 512 });
      expect(readPrompt(rules, tags(257))).toEqual({ kind: 'prompt_too_long', counted: 514, allowed: 512 });
    },
  );

  it('is counted as it is sent on: markup of NewBie is part of what its model reads', () => {
    const rules = { prompt_format: 'newbie_xml', prompt_tokens: { kind: 'words', max: 3 } } as const;

    const read = readPrompt(rules, { prompt: '<caption>a   girl</caption>' });

    expect(read).toEqual({ kind: 'prompt_too_long', counted: 4, allowed: 3 });
  });

  it('comes with every other text of the input, and without its tags', () => {
    const input = { prompt: '<caption>a &amp; b</caption>', negative_prompt: 'blurry', steps: 4, seed: 1 };

    expect(readPrompt({ prompt_format: 'newbie_xml' }, input)).toMatchObject({
      input: { ...input, prompt: '<caption>a &amp; b</caption>' },
      texts: ['a & b', 'blurry'],
    });
  });

  it('may be missing where the model has none', () => {
    expect(readPrompt({}, { scale: 2, mode: 'fast' })).toMatchObject({ texts: ['fast'], tokens: 0 });
  });
});

describe('a manifest', () => {
  it('says nothing of the prompts of a model without one', () => {
    const upscaler = {
      ...shapes,
      input_schema: { ...shapes.input_schema, required: [], properties: { scale: { type: 'integer' } } },
    };

    expect(manifestSchema.safeParse(upscaler).success).toBe(false);
    expect(manifestSchema.safeParse({ ...upscaler, prompt_tokens: undefined }).success).toBe(true);
  });
});
