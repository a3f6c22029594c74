import { describe, expect, it } from 'vitest';
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
});

describe('404', () => {
  it.each(['other', 'constructor', '__proto__'])('has no model %s', async (id) => {
    const scene = await createApiScene();

    expect((await scene.send('getModel', `/v1/models/${id}`)).json.error.code).toBe('model_not_found');
  });
});
