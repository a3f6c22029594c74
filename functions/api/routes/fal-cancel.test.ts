import { describe, expect, it } from 'vitest';
import { drawn, openFalScene, requestPath } from '../dialects/fal/fal-scene.ts';

describe('202', () => {
  it('cancels a request that waits', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);

    const got = await scene.send('falCancel', requestPath(id, '/cancel'));

    expect(got).toMatchObject({ status: 202, json: { status: 'CANCELLATION_REQUESTED' } });
    expect((await scene.jobOf(id)).status).toBe('canceled');
  });
});

describe('200', () => {
  it('leaves alone what has ended', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);
    await scene.finish(id);

    const got = await scene.send('falCancel', requestPath(id, '/cancel'));

    expect(got).toMatchObject({ status: 200, json: { status: 'ALREADY_COMPLETED' } });
    expect((await scene.jobOf(id)).status).toBe('succeeded');
  });
});

describe('404', () => {
  it('has no such request', async () => {
    const scene = await openFalScene();

    expect((await scene.send('falCancel', requestPath('x', '/cancel'))).status).toBe(404);
  });
});
