import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

const base = '/runpod/v2/fake-image';

describe('200', () => {
  it('cancels a job, and says the same when it is asked again', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const first = await scene.send('runpodCancel', `${base}/cancel/${id}`);
    const second = await scene.send('runpodCancel', `${base}/cancel/${id}`, { body: {} });

    expect(first.json).toEqual({ id, status: 'CANCELLED' });
    expect(second.json).toEqual(first.json);
  });
});
