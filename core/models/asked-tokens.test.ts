import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { askedTokens } from './asked-tokens.ts';
import { compileModel, manifestSchema } from './manifest.ts';

const { input_schema: schema } = fakeManifest;
const chat = (max_tokens: object) =>
  manifestSchema.parse({
    ...fakeManifest,
    input_schema: { ...schema, properties: { prompt: { type: 'string' }, max_tokens } },
  });
const answering = chat({ type: 'integer', minimum: 1, maximum: 512 });

describe('askedTokens', () => {
  it('counts the words of a prompt, and of a negative one', () => {
    expect(askedTokens(fakeManifest, { prompt: 'a red ring, 2 wide' })).toEqual({
      tokens: 5,
      written: 0,
      path: 'input.prompt',
    });
    expect(askedTokens(fakeManifest, { prompt: 'a red ring', negative_prompt: 'blur' }).tokens).toBe(4);
    expect(askedTokens(fakeManifest, { prompt: 'two', size: '1024x768' }).tokens).toBe(1);
  });

  it('counts what the request lets the model answer with, and names that where it is the most', () => {
    expect(askedTokens(answering, { prompt: 'what is new here', max_tokens: 100 })).toEqual({
      tokens: 104,
      written: 100,
      path: 'input.max_tokens',
    });
    expect(askedTokens(answering, { prompt: 'what is new here', max_tokens: 3 })).toEqual({
      tokens: 7,
      written: 3,
      path: 'input.prompt',
    });
  });

  it('counts as many as the schema allows where neither the request nor a default says', () => {
    const unbounded = chat({ type: 'integer', minimum: 1 });

    expect(askedTokens(answering, { prompt: 'hello' }).tokens).toBe(513);
    expect(askedTokens(unbounded, { prompt: 'hello' }).tokens).toBe(1);
  });

  it('counts the default that the schema fills in', () => {
    const model = compileModel(chat({ type: 'integer', minimum: 1, maximum: 512, default: 64 }));
    const parsed = model.parseInput({ prompt: 'hello' });

    expect(parsed.kind === 'valid' && model.workOf(parsed.input).tokens.tokens).toBe(65);
  });

  it('counts the texts of messages, and not their pictures', () => {
    const content = [
      { type: 'text', text: 'what is new here' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    ];
    const input = JSON.parse(JSON.stringify({ messages: [{ role: 'user', content }] }));

    expect(askedTokens(fakeManifest, input)).toEqual({
      tokens: 4,
      written: 0,
      path: 'input.messages',
    });
  });

  it('is nothing for input without text', () => {
    expect(askedTokens(fakeManifest, {})).toEqual({ tokens: 0, written: 0, path: 'input.prompt' });
  });
});
