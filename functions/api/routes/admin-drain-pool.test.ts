import { describe, expect, it } from 'vitest';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/pools/fake/drain';

describe('200', () => {
  it('says since when the pool drains, ends its prewarm, and asks for a decision', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminPrewarmPool', '/admin/v1/pools/fake/prewarm', { workers: 1 });

    const got = await scene.ask('adminDrainPool', path);

    const since = new Date(scene.clock.nowMs()).toISOString();
    expect(got.json).toMatchObject({ draining_since: since, prewarm: null });
    expect(scene.woken).toEqual(['fake', 'fake']);
  });

  it('tells a job that waits that a worker is about to start', async () => {
    const scene = await createAdminScene();
    await scene.pools.move('fake', ['cold'], 'warm', scene.clock.nowMs());
    await scene.ask('adminDrainPool', path);

    const id = await scene.submit();

    expect((await scene.send('getJob', `/v1/jobs/${id}`)).json.wait).toEqual({ reason: 'starting_worker' });
  });
});

describe('404', () => {
  it('drains no pool that there is not', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminDrainPool', '/admin/v1/pools/other/drain')).status).toBe(404);
  });
});
