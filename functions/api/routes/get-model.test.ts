import { describe, expect, it } from 'vitest';
import { createCatalog } from '#core/models/manifest.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells what a request must hold and what it costs', async () => {
    const scene = await createApiScene();

    const got = await scene.send('getModel', '/v1/models/fake-image');

    expect(got.json).toMatchObject({
      id: 'fake-image',
      input_schema: { required: ['prompt'], properties: { steps: { default: 2 } } },
      price: { usd_micros_per_gpu_hour: 3_600_000 },
      state: 'cold',
    });
  });

  it('tells how prompts are read', async () => {
    const prompts = { prompt_format: 'newbie_xml', prompt_tokens: { kind: 'words', max: 5 } } as const;
    const catalog = createCatalog([fakeManifest, { ...fakeManifest, ...prompts, id: 'newbie' }]);
    const scene = await createApiScene({ change: { catalog } });

    const promptOf = async (id: string) => (await scene.send('getModel', `/v1/models/${id}`)).json.prompt;
    expect(await promptOf('newbie')).toEqual({ format: 'newbie_xml', tokens_max: 5, tokens_kind: 'words' });
    expect(await promptOf('fake-image')).toEqual({ format: 'text', tokens_max: null, tokens_kind: null });
  });
});

describe('404', () => {
  it.each(['other', 'constructor', '__proto__'])('has no model %s', async (id) => {
    const scene = await createApiScene();

    expect((await scene.send('getModel', `/v1/models/${id}`)).json.error.code).toBe('model_not_found');
  });
});
