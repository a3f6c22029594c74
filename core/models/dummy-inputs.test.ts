import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { dummyInputs } from './dummy-inputs.ts';
import { compileModel } from './manifest.ts';

/** A model whose input has these fields. */
function modelOf(properties: Record<string, Record<string, unknown>>, required: string[] = ['prompt']) {
  const input_schema = { type: 'object', additionalProperties: false, required, properties } as const;
  return compileModel({ ...fakeManifest, input_schema, batch_by: [] });
}

const prompt = { type: 'string', minLength: 1, maxLength: 100 };

describe('the inputs that a model is tried with', () => {
  it('are one for each size, smallest first, with what the manifest fills in', () => {
    const steps = { type: 'integer', default: 8 };
    const model = modelOf({ prompt, steps, size: { type: 'integer', enum: [1024, 512], default: 512 } });

    expect(dummyInputs(model)).toEqual({
      kind: 'inputs',
      inputs: [
        { shape: '512 px', input: { prompt: 'a red circle', steps: 8, size: 512 } },
        { shape: '1024 px', input: { prompt: 'a red circle', steps: 8, size: 1024 } },
      ],
    });
  });

  it('are one alone for a model without sizes, and for one with a range of them', () => {
    const range = { type: 'integer', minimum: 64, maximum: 2048, default: 512 };

    expect(dummyInputs(modelOf({ prompt }))).toMatchObject({ inputs: [{ shape: 'one size' }] });
    expect(dummyInputs(modelOf({ prompt, size: range }))).toMatchObject({ inputs: [{ shape: '512 px' }] });
  });

  it('hold an example of the manifest where nothing else says what a field may be', () => {
    const messages = { type: 'array', items: { type: 'string' }, examples: [['hello']] };

    expect(dummyInputs(modelOf({ messages }, ['messages']))).toMatchObject({
      inputs: [{ input: { messages: ['hello'] } }],
    });
  });

  it('keep to the bounds of texts and numbers', () => {
    const fields = {
      long: { type: 'string', minLength: 40 },
      short: { type: 'string', maxLength: 3 },
      count: { type: 'integer', minimum: 3 },
    };

    expect(dummyInputs(modelOf(fields, Object.keys(fields)))).toMatchObject({
      inputs: [{ input: { long: expect.stringMatching(/^.{40,}$/), short: 'a r', count: 3 } }],
    });
  });

  it('cannot be made up for a picture or a list without an example: the fields are named', () => {
    const fields = { prompt, images: { type: 'array' } };

    expect(dummyInputs(modelOf(fields, ['prompt', 'images']))).toEqual({
      kind: 'unknown',
      fields: ['images'],
    });
  });

  it('are none where the schema takes no text of ours: the field is named', () => {
    const url = { type: 'string', pattern: '^https://' };

    expect(dummyInputs(modelOf({ url }, ['url']))).toEqual({ kind: 'unknown', fields: ['input.url'] });
  });
});
