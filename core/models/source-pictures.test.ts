import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { pngOf } from '../images/png-under-test.ts';
import { compileModel, manifestSchema } from './manifest.ts';
import { sourceFaults, sourcePictures, withoutSourcePictures } from './source-pictures.ts';

function png(width: number, height = width): string {
  return `data:image/png;base64,${pngOf({ width, height }).toString('base64')}`;
}

const properties = {
  ...fakeManifest.input_schema.properties,
  image: { type: 'string' },
  mask: { type: 'string' },
  strength: { type: 'number', minimum: 0.05, maximum: 1 },
};
const manifest = {
  ...fakeManifest,
  input_schema: { ...fakeManifest.input_schema, properties },
  batch_by: ['steps', 'size', 'strength'],
};
const model = compileModel(manifestSchema.parse(manifest));

describe('pictures to start from', () => {
  it.each([
    ['no picture', {}],
    ['a picture', { image: png(64) }],
    ['a picture at a strength', { image: png(64), strength: 0.3 }],
    ['a picture and its mask', { image: png(64), mask: png(64) }],
  ])('may be %s', (_, input) => {
    expect(model.parseInput({ prompt: 'x', ...input }).kind).toBe('valid');
  });

  it.each([
    ['a mask alone', { mask: png(64) }, 'input.mask', 'needs input.image'],
    ['a strength alone', { strength: 0.5 }, 'input.strength', 'needs input.image'],
    ['a path of the machine', { image: 'file:///etc/passwd' }, 'input.image', 'must be a data URL'],
    ['bytes that are no picture', { image: 'data:image/png;base64,AAAA' }, 'input.image', 'no PNG'],
    ['a bomb', { image: png(30_000) }, 'input.image', 'wider or higher than is taken'],
    ['a picture that is not square', { image: png(64, 48) }, 'input.image', 'is 64 x 48 pixels, and must be'],
    ['a mask that is no picture', { image: png(64), mask: 'x' }, 'input.mask', 'must be a data URL'],
    ['a mask of another size', { image: png(64), mask: png(64, 32) }, 'input.mask', 'is 64 x 32 pixels'],
  ])('may not be %s, and the place is named', (_, input, path, message) => {
    const parsed = model.parseInput({ prompt: 'x', ...input });

    expect(parsed).toMatchObject({
      kind: 'invalid',
      details: [{ path, message: expect.stringContaining(message) }],
    });
  });

  it.each([0, 0.01, 1.01])('may not count %d, and the place is named', (strength) => {
    const parsed = model.parseInput({ prompt: 'x', image: png(64), strength });

    expect(parsed).toMatchObject({ kind: 'invalid', details: [{ path: 'input.strength' }] });
  });

  it('are refused by a model that has none', () => {
    const parsed = compileModel(fakeManifest).parseInput({ prompt: 'x', image: png(64) });

    expect(parsed).toMatchObject({ kind: 'invalid', details: [{ path: 'input.image' }] });
  });
});

describe('the work of a request that starts from a picture', () => {
  const plain = { prompt: 'x', n: 2, size: 512, steps: 8 };
  const from = (input: object) => model.workOf({ ...plain, ...input });

  it.each([
    [{}, 8],
    [{ image: png(64) }, 5],
    [{ image: png(64), strength: 0.05 }, 1],
    [{ image: png(64), strength: 0.25 }, 2],
    [{ image: png(64), strength: 1 }, 8],
    [{ image: png(64), mask: png(64) }, 8],
    [{ image: png(64), mask: png(64), strength: 0.5 }, 4],
  ])('is that of the steps that are run', (input, steps) => {
    expect(from(input).predictedGpuMs).toBe(10 + 100 * 2 * steps);
  });

  it('takes of a card what drawing takes, since pictures are read one by one', () => {
    expect(from({ image: png(64), mask: png(64) }).memoryMb).toBe(from({}).memoryMb);
  });

  it('shares a call with what starts likewise, whatever it shows, and with nothing else', () => {
    const alike = [from({ image: png(64) }), from({ image: png(32) })];
    const apart = [
      {},
      { image: png(64) },
      { image: png(64), mask: png(64) },
      { image: png(64), strength: 0.3 },
    ];

    expect(new Set(alike.map(({ batchKey }) => batchKey)).size).toBe(1);
    expect(new Set(apart.map((input) => from(input).batchKey)).size).toBe(apart.length);
  });

  it('has the key that it always had where it starts from its prompt alone', () => {
    const before = compileModel({ ...fakeManifest, batch_by: manifest.batch_by });

    expect(from({}).batchKey).toBe(before.workOf(plain).batchKey);
  });
});

describe('input with pictures', () => {
  const input = { prompt: 'x', image: png(64), mask: png(64), strength: 0.5 };

  it('is shown without them', () => {
    const shown = 'data:image/png;base64,';

    expect(withoutSourcePictures(input)).toEqual({ ...input, image: shown, mask: shown });
    expect(withoutSourcePictures({ prompt: 'x', image: 'no picture' })).toEqual({ prompt: 'x', image: '' });
    expect(withoutSourcePictures({ prompt: 'x' })).toEqual({ prompt: 'x' });
  });

  it('tells them apart from the rest', () => {
    expect(sourcePictures(input)).toEqual([png(64), png(64)]);
    expect(sourcePictures({ prompt: 'x' })).toEqual([]);
    expect(sourceFaults(input)).toEqual([]);
  });
});

describe('a manifest', () => {
  const { image: _image, ...maskAlone } = properties;
  it.each([
    ['a mask without an image', maskAlone],
    ['an image that is no string', { ...properties, image: { type: 'integer' } }],
    ['a mask that is no string', { ...properties, mask: { type: 'object' } }],
  ])('is refused with %s', (_, wrong) => {
    const refused = manifestSchema.safeParse({
      ...manifest,
      input_schema: { ...manifest.input_schema, properties: wrong },
    });

    expect(refused.error?.issues[0]).toMatchObject({ path: ['input_schema', 'properties', 'image'] });
  });
});
