import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells a job through every endpoint: an alias may stand for another model by now', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    const got = await scene.send('runpodStatus', `/runpod/v2/another/status/${id}?ttl=6000`);

    expect(got.json).toMatchObject({ id, status: 'COMPLETED' });
  });
});
