import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells a job through every endpoint: an alias may stand for another model by now', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    const got = await scene.send('runpodStatusSync', `/runpod/v2/another/status-sync/${id}`);

    expect(got.json).toMatchObject({ id, status: 'COMPLETED' });
  });
});
