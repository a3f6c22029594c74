import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('lists every model with the state of its pool', async () => {
    const scene = await createApiScene();

    const cold = await scene.send('listModels', '/v1/models');
    await scene.submit();
    const waking = await scene.send('listModels', '/v1/models');

    expect(cold.json).toMatchObject({ object: 'list', data: [{ id: 'fake-image', state: 'cold' }] });
    expect(waking.json.data).toMatchObject([{ id: 'fake-image', state: 'warming' }]);
  });
});

describe('400', () => {
  it('refuses a query, which would say nothing to us', async () => {
    const scene = await createApiScene();

    expect((await scene.send('listModels', '/v1/models?limit=1')).status).toBe(400);
  });
});
