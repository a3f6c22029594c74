import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { scenesModelDirectory } from './run-scenes-gate.ts';
import { markers, readTokenizer } from './scenes-tokenizer.ts';

const tokenizer = readTokenizer(readFileSync(join(scenesModelDirectory, 'tokenizer.json')));
const shared = z
  .array(z.strictObject({ text: z.string(), ids: z.array(z.int()) }))
  .parse(
    JSON.parse(readFileSync(join(import.meta.dirname, '../../training/tests/chat-tokens.json'), 'utf8')),
  );

describe('the tokenizer of the chat model', () => {
  it.each(shared)('reads $text as the training does', ({ text, ids }) => {
    expect(tokenizer.encode(text)).toEqual(ids);
  });

  it.each(shared)(
    'gives the bytes of $text back, but for capitals that it does not know',
    ({ text, ids }) => {
      const bytes = Buffer.concat(ids.map((id) => tokenizer.bytesOf(id)));

      expect(bytes.toString().toLowerCase()).toBe(text.toLowerCase());
    },
  );

  it('gives a marker for no text, and no bytes for a marker', () => {
    const ids = tokenizer.encode('<end> <system> <user> <assistant> \u0000\u0001\u0002\u0003');

    expect(Math.min(...ids)).toBeGreaterThan(Math.max(...Object.values(markers)));
    for (const marker of Object.values(markers)) expect(tokenizer.bytesOf(marker)).toHaveLength(0);
  });

  it('refuses a file that is no tokenizer', () => {
    expect(() => readTokenizer(Buffer.from('{"version":2,"words":[]}'))).toThrow();
  });
});
