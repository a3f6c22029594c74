import { describe, expect, it } from 'vitest';
import { scale } from '#core/flows/scale.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/pools/fake';

describe('200', () => {
  it('says nothing of a time for a pool that was always cold', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminGetPool', path)).json).toMatchObject({ state: 'cold', since: null });
  });

  it('tells what the scaler asked for, and which jobs wait and run', async () => {
    const scene = await createAdminScene();
    const first = await scene.submit();
    await scene.submit();
    await scale(scene, 'fake', { workersMin: 0, workersMax: 3, idleTimeoutMs: 30_000 });
    await scene.start(first);

    expect((await scene.ask('adminGetPool', path)).json).toMatchObject({
      jobs: { waiting: 1, running: 1 },
      workers: { desired: 1, running: 1, max: 3 },
    });
  });
});

describe('404', () => {
  it.each(['other', 'a.b', '__proto__'])('has no pool %s', async (pool) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminGetPool', `/admin/v1/pools/${pool}`);

    expect(got.json.error.code).toBe('not_found');
  });
});
