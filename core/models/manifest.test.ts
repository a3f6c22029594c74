import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
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
      residentMb: 1_000,
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

describe('the manifest of a model that answers', () => {
  const { messages: _messages, ...withoutMessages } = fakeChatManifest.input_schema.properties;
  const { per_answer_mb: _figure, ...withoutFigure } = fakeChatManifest.memory;

  it.each([
    [
      'without messages',
      {
        ...fakeChatManifest,
        input_schema: { ...fakeChatManifest.input_schema, properties: withoutMessages },
      },
      ['input_schema', 'properties', 'messages'],
    ],
    [
      'that draws',
      { ...fakeChatManifest, task: 'text-to-image' },
      ['input_schema', 'properties', 'messages'],
    ],
    ['without what an answer takes', { ...fakeChatManifest, memory: withoutFigure }, ['memory', 'per_image']],
    [
      'with what a picture takes',
      { ...fakeChatManifest, memory: fakeManifest.memory },
      ['memory', 'per_answer_mb'],
    ],
  ])('is refused %s', (_, manifest, path) => {
    expect(manifestSchema.safeParse(manifest).error?.issues[0]?.path).toEqual(path);
  });

  it('prices tokens that may be written, and asks for no images', () => {
    const { step_ms_input: _field, ...time } = fakeChatManifest.time;
    const model = compileModel({
      ...fakeChatManifest,
      time: { ...time, fixed_ms: 10, per_output_token_ms: 2.5 },
    });
    const input = { messages: [{ role: 'user', content: 'one two' }], max_tokens: 9 };

    expect(model.workOf(input)).toMatchObject({
      images: 0,
      pixels: 0,
      weightedImages: 0,
      tokens: { tokens: 11, written: 9 },
      predictedGpuMs: 33,
      memoryMb: 200,
    });
    expect(compileModel(fakeChatManifest).workOf({ ...input, step_ms: 7 }).predictedGpuMs).toBe(10 + 63);
  });

  it('shares a call with every other of its model', () => {
    const model = compileModel(fakeChatManifest);
    const messages = [{ role: 'user', content: 'x' }];

    expect(model.workOf({ messages, max_tokens: 1 }).batchKey).toBe(
      model.workOf({ messages, seed: 9 }).batchKey,
    );
  });
});

describe('the manifests of chat models that ship', () => {
  const png =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  const picture = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
  const parts = [{ type: 'text', text: 'what is this?' }, picture];

  it.each(['qwen3-vl-8b', 'fake-chat'])('read what OpenAI clients send: %s', (id) => {
    const model = compileModel(shipped(id));
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: parts },
      { role: 'assistant', content: 'a picture' },
      { role: 'user', content: 'of what?' },
    ];

    expect(model.parseInput({ messages, stop: ['.'], seed: 7 })).toMatchObject({
      kind: 'valid',
      input: { messages },
    });
  });

  it.each([
    ['no messages', {}, 'input.messages'],
    ['a role that there is not', { messages: [{ role: 'tool', content: 'x' }] }, 'input.messages.0.role'],
    [
      'a part without its text',
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'input.messages.0.content.0',
    ],
    [
      'a picture elsewhere',
      { messages: [{ role: 'assistant', content: parts }] },
      'input.messages.0.content.1',
    ],
    [
      'a parameter that it has not',
      { messages: [{ role: 'user', content: 'x' }], logprobs: true },
      'input.logprobs',
    ],
    [
      'no number of tokens',
      { messages: [{ role: 'user', content: 'x' }], max_tokens: 0 },
      'input.max_tokens',
    ],
    ['five stop strings', { messages: [{ role: 'user', content: 'x' }], stop: [...'abcde'] }, 'input.stop'],
  ])('refuse %s by its place', (_, input, path) => {
    const parsed = compileModel(shipped('qwen3-vl-8b')).parseInput(input);

    expect(parsed.kind === 'invalid' && parsed.details.map((detail) => detail.path)).toContain(path);
  });
});

describe('the manifests of picture models that ship for cards', () => {
  const sizesSchema = z.object({ properties: z.object({ size: z.object({ enum: z.array(z.int()) }) }) });

  it.each(['z-image-turbo', 'z-image-turbo-24gb', 'z-image-turbo-2k', 'newbie-image'])(
    '%s: each size fits the card that the model is meant for',
    (id) => {
      const manifest = shipped(id);
      const model = compileModel(manifest);
      const sizes = sizesSchema.parse(manifest.input_schema).properties.size.enum;

      for (const size of sizes) {
        const { memoryMb, roomMb } = model.workOf({ size });
        expect(memoryMb).toBeLessThanOrEqual(roomMb ?? 0);
      }
    },
  );
});

describe('the engine of a manifest', () => {
  const runtime = { runner: 'z_image', dtype: 'bfloat16' } as const;
  const adaptable = { ...fakeManifest, memory: { ...fakeManifest.memory, adapters_mb: 500 } };

  it.each([
    ['python without a runtime', { ...adaptable, engine: 'python' }],
    ['another with one', { ...fakeManifest, runtime }],
    [
      'an option of another runner',
      { ...adaptable, engine: 'python', runtime: { ...runtime, context_tokens_max: 9 } },
    ],
    [
      'weights in a form that the runtime cannot make',
      { ...adaptable, engine: 'python', runtime: { ...runtime, quant: 'bf16' } },
    ],
    ['a runner that there is not', { ...adaptable, engine: 'python', runtime: { ...runtime, runner: 'x' } }],
    [
      'an upscaler without the size that it begins above',
      { ...adaptable, engine: 'python', runtime: { ...runtime, upscaler: 'x2.safetensors' } },
    ],
    [
      'a largest size of its own without an upscaler',
      { ...adaptable, engine: 'python', runtime: { ...runtime, native_size_max: 1024 } },
    ],
    [
      'an upscaler that is not beside the weights',
      {
        ...adaptable,
        engine: 'python',
        runtime: { ...runtime, upscaler: '../x2.safetensors', native_size_max: 1024 },
      },
    ],
  ])('is refused: %s', (_, manifest) => {
    expect(manifestSchema.safeParse(manifest).error?.issues[0]?.path[0]).toBe('runtime');
  });

  it('needs memory for the adapters that it takes, and keeps none for adapters that it does not', () => {
    const { adapters: _adapters, ...plain } = adaptable;
    const wrong = [
      { ...fakeManifest, engine: 'python', runtime },
      { ...plain, engine: 'python', runtime },
    ];

    for (const each of wrong) {
      expect(manifestSchema.safeParse(each).error?.issues[0]?.path).toEqual(['memory', 'adapters_mb']);
    }
  });

  it.each([
    ['plain', runtime],
    ['of NewBie', { ...runtime, runner: 'newbie' }],
    ['in eight bits', { ...runtime, quant: 'int8' }],
    ['in eight bits of floating point', { ...runtime, quant: 'fp8' }],
    ['in four bits', { ...runtime, quant: 'int4' }],
    ['with an upscaler', { ...runtime, upscaler: 'x2.safetensors', native_size_max: 1024 }],
  ])('may be python, with a runtime: %s', (_, its) => {
    expect(manifestSchema.safeParse({ ...adaptable, engine: 'python', runtime: its }).success).toBe(true);
  });
});

function shipped(id: string) {
  const file = `${import.meta.dirname}/../../gpu-container/models/${id}/manifest.json`;
  return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
