import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

const base = '/runpod/v2/fake-image';

describe('a retry', () => {
  it('answers 409 for what has not failed', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();

    const got = await scene.send('runpodRetry', `${base}/retry/${id}`);

    expect([got.status, got.json.error.code]).toEqual([409, 'conflict']);
  });

  it('counts as a request, and says so', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    const patch = { status: 'failed', place: { kind: 'done' }, finishedAtMs: scene.clock.nowMs() } as const;
    await scene.jobs.apply('tenant-a', id, { attempt: 0, place: 'line' }, patch);

    const got = await scene.send('runpodRetry', `${base}/retry/${id}`);

    expect(got.json).toEqual({ id: expect.not.stringContaining(id), status: 'IN_QUEUE' });
    expect(got.headers).toHaveProperty('ratelimit');
  });
});
