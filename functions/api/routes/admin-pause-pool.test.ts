import { describe, expect, it } from 'vitest';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/pools/fake/pause';

describe('200', () => {
  it('says since when, the first time and again', async () => {
    const scene = await createAdminScene();
    const since = new Date(scene.clock.nowMs()).toISOString();

    const first = await scene.ask('adminPausePool', path);
    await scene.clock.advance(5_000);
    const again = await scene.ask('adminPausePool', path);

    expect(first.json).toMatchObject({ id: 'fake', paused_since: since });
    expect(again.json).toEqual(first.json);
    expect(scene.woken).toEqual(['fake', 'fake']);
  });

  it('accepts jobs, which say why they wait, and wakes nothing for them', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminPausePool', path);

    const id = await scene.submit();

    const got = await scene.send('getJob', `/v1/jobs/${id}`);
    expect(got.json).toMatchObject({ status: 'queued', wait: { reason: 'paused' } });
    expect((await scene.send('listJobs', '/v1/jobs')).json.data[0].wait).toEqual({ reason: 'paused' });
    expect(await scene.pools.read('fake')).toMatchObject({ state: 'cold' });
  });
});

describe('400', () => {
  it('takes no body', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminPausePool', path, { for_s: 60 })).status).toBe(400);
  });
});

describe('403', () => {
  it('is not for a tenant', async () => {
    const scene = await createAdminScene();

    const got = await scene.send('adminPausePool', path);

    expect(got.json.error.code).toBe('missing_scope');
    expect((await scene.pools.read('fake')).orders.pausedAtMs).toBeNull();
  });
});

describe('404', () => {
  it('pauses no pool that there is not', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminPausePool', '/admin/v1/pools/other/pause')).status).toBe(404);
    expect((await scene.pools.read('other')).orders.pausedAtMs).toBeNull();
  });
});
