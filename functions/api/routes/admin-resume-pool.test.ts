import { describe, expect, it } from 'vitest';
import { createAdminScene } from '../admin-scene.ts';

const path = '/admin/v1/pools/fake/resume';

describe('200', () => {
  it('ends a pause and asks for a decision about what waits', async () => {
    const scene = await createAdminScene();
    await scene.ask('adminPausePool', '/admin/v1/pools/fake/pause');
    const id = await scene.submit();

    const got = await scene.ask('adminResumePool', path);

    expect(got.json.paused_since).toBeNull();
    expect((await scene.send('getJob', `/v1/jobs/${id}`)).json.wait).toEqual({ reason: 'starting_worker' });
    expect(scene.woken).toEqual(['fake', 'fake']);
  });

  it('says the same of a pool that was not paused', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminResumePool', path)).json.paused_since).toBeNull();
  });
});

describe('404', () => {
  it('resumes no pool that there is not', async () => {
    const scene = await createAdminScene();

    expect((await scene.ask('adminResumePool', '/admin/v1/pools/other/resume')).status).toBe(404);
  });
});
