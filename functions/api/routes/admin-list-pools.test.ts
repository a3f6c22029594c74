import { describe, expect, it } from 'vitest';
import { createAdminScene } from '../admin-scene.ts';

describe('200', () => {
  it('lists every pool with its work and its models', async () => {
    const scene = await createAdminScene();
    await scene.submit();

    const got = await scene.ask('adminListPools', '/admin/v1/pools');

    expect(got.json.data).toEqual([
      {
        id: 'fake',
        object: 'pool',
        state: 'waking',
        since: new Date(scene.clock.nowMs()).toISOString(),
        paused_since: null,
        draining_since: null,
        prewarm: null,
        warmups: [],
        jobs: { waiting: 1, running: 0 },
        tickets: { visible: 1, hidden: 0 },
        workers: null,
        models: ['fake-image'],
      },
    ]);
  });
});

describe('400', () => {
  it('refuses a query, which would say nothing to us', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminListPools', '/admin/v1/pools?limit=1')).status).toBe(400);
  });
});
