import { describe, expect, it } from 'vitest';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { compileModel, createCatalog, manifestSchema } from './manifest.ts';

const int4 = {
  ...fakeManifest,
  id: 'fake-image-int4',
  variant: { of: 'fake-image', quant: 'int4' },
} as const;

describe('a catalog', () => {
  it('finds the variant of a model by its form of weights', () => {
    const catalog = createCatalog([fakeManifest, int4]);

    expect(catalog.variantOf('fake-image', 'int4')?.manifest.id).toBe('fake-image-int4');
    expect(catalog.variantOf('fake-image', 'fp8')).toBeNull();
    expect(catalog.variantOf('fake-image-int4', 'int4')).toBeNull();
    expect(catalog.variantOf('other', 'int4')).toBeNull();
  });

  it.each([
    ['of no model', [int4], 'fake-image, which is no model of its own'],
    [
      'of another variant',
      [
        fakeManifest,
        int4,
        { ...int4, id: 'third', variant: { of: 'fake-image-int4', quant: 'fp8' } } as const,
      ],
      'fake-image-int4, which is no model of its own',
    ],
    ['that is there twice', [fakeManifest, int4, { ...int4, id: 'third' }], 'has two variants of int4'],
  ])('refuses a variant %s', (_, manifests, said) => {
    expect(() => createCatalog(manifests)).toThrow(said);
  });
});

describe('the work of a request', () => {
  it('says what it takes of a card', () => {
    const model = createCatalog([fakeManifest]).get('fake-image');

    expect(model?.workOf({ prompt: 'x', n: 3, size: 256, steps: 2 })).toMatchObject({
      memoryMb: 300,
      weightsMb: 1_000,
    });
  });
});

describe('the predicted time of a request', () => {
  it('follows the input field that says what a step takes, where the manifest names one', () => {
    const time = { ...fakeManifest.time, fixed_ms: 1, per_image_step_ms: 5, per_weighted_image_ms: 0 };
    const asked = compileModel({ ...fakeManifest, time: { ...time, step_ms_input: 'step_ms' } });
    const plain = compileModel({ ...fakeManifest, time });
    const input = { prompt: 'x', n: 1, steps: 10, step_ms: 600 };

    expect(asked.workOf(input).predictedGpuMs).toBe(6_001);
    expect(asked.workOf({ prompt: 'x', steps: 10 }).predictedGpuMs).toBe(51);
    expect(plain.workOf(input).predictedGpuMs).toBe(51);
  });
});

describe('a manifest', () => {
  it('must say what it takes of a card', () => {
    const { memory: _memory, ...without } = fakeManifest;

    expect(manifestSchema.safeParse(without).error?.issues[0]?.path).toEqual(['memory']);
    expect(manifestSchema.parse(int4).variant).toEqual({ of: 'fake-image', quant: 'int4' });
  });
});

describe('the engine of a manifest', () => {
  const runtime = { runner: 'z_image', dtype: 'bfloat16' } as const;

  it.each([
    ['python without a runtime', { ...fakeManifest, engine: 'python' }],
    ['another with one', { ...fakeManifest, runtime }],
    [
      'a runner that there is not',
      { ...fakeManifest, engine: 'python', runtime: { ...runtime, runner: 'x' } },
    ],
    [
      'an upscaler without the size that it begins above',
      { ...fakeManifest, engine: 'python', runtime: { ...runtime, upscaler: 'x2.safetensors' } },
    ],
    [
      'a largest size of its own without an upscaler',
      { ...fakeManifest, engine: 'python', runtime: { ...runtime, native_size_max: 1024 } },
    ],
    [
      'an upscaler that is not beside the weights',
      {
        ...fakeManifest,
        engine: 'python',
        runtime: { ...runtime, upscaler: '../x2.safetensors', native_size_max: 1024 },
      },
    ],
  ])('is refused: %s', (_, manifest) => {
    expect(manifestSchema.safeParse(manifest).error?.issues[0]?.path[0]).toBe('runtime');
  });

  it.each([
    ['plain', runtime],
    ['of NewBie', { ...runtime, runner: 'newbie' }],
    ['with an upscaler', { ...runtime, upscaler: 'x2.safetensors', native_size_max: 1024, adapters_mb: 500 }],
  ])('may be python, with a runtime: %s', (_, its) => {
    expect(manifestSchema.safeParse({ ...fakeManifest, engine: 'python', runtime: its }).success).toBe(true);
  });
});
