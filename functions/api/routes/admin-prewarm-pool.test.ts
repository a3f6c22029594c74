import { describe, expect, it } from 'vitest';
import { poolLimits } from '#core/limits.ts';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/pools/fake/prewarm';

describe('200', () => {
  it('says how many workers it keeps up and until when', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminPrewarmPool', path, { workers: 2, for_s: 60 });

    const until = new Date(scene.clock.nowMs() + 60_000).toISOString();
    expect(got.json).toMatchObject({ state: 'waking', prewarm: { workers: 2, until } });
    expect(scene.woken).toEqual(['fake']);
  });

  it('grants no more than the scaler’s upper bound, for a quarter of an hour unless told', async () => {
    const scene = await createAdminScene();
    await scene.pools.noteScaling('fake', { desired: 0, running: 0, workersMax: 3 });

    const got = await scene.ask('adminPrewarmPool', path, { workers: 8 });

    const until = new Date(scene.clock.nowMs() + 900_000).toISOString();
    expect(got.json.prewarm).toEqual({ workers: 3, until });
  });

  it('ends a prewarm by asking for none, and shows none that is over', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminPrewarmPool', path, { workers: 2 });
    expect((await scene.ask('adminPrewarmPool', path, { workers: 0 })).json.prewarm).toBeNull();

    await scene.ask('adminPrewarmPool', path, { workers: 2, for_s: 60 });
    await scene.clock.advance(60_000);

    expect((await scene.ask('adminGetPool', '/admin/v1/pools/fake')).json.prewarm).toBeNull();
  });
});

describe('400', () => {
  it.each([
    [{}, 'workers'],
    [{ workers: -1 }, 'workers'],
    [{ workers: 1.5 }, 'workers'],
    [{ workers: poolLimits.prewarmWorkersMax + 1 }, 'workers'],
    [{ workers: 1, for_s: 0 }, 'for_s'],
    [{ workers: 1, for_s: poolLimits.prewarmSecondsMax + 1 }, 'for_s'],
    [{ workers: 1, until: '2030-01-01' }, 'until'],
  ])('names the field at fault in %j and orders nothing', async (body, param) => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminPrewarmPool', path, body);

    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
    expect((await scene.pools.read('fake')).orders.prewarm).toBeNull();
  });
});

describe('404', () => {
  it('warms no pool that there is not', async () => {
    const scene = await createAdminScene();

    const got = await scene.ask('adminPrewarmPool', '/admin/v1/pools/other/prewarm', { workers: 1 });

    expect(got.status).toBe(404);
  });
});

describe('409', () => {
  it('says that the pool is paused', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminPausePool', '/admin/v1/pools/fake/pause');

    const got = await scene.ask('adminPrewarmPool', path, { workers: 1 });

    expect(got.json.error).toMatchObject({
      code: 'conflict',
      message: 'The pool fake is paused: resume it first.',
    });
  });
});
