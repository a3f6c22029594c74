import { describe, expect, it } from 'vitest';
import { applyTransition } from '#core/flows/apply.ts';
import { expire } from '#core/job/transitions.ts';
import { jobLimits } from '#core/limits.ts';
import type { ReplicateScene } from '../dialects/replicate/replicate-scene.ts';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

function read(scene: ReplicateScene, id: string) {
  return scene.send('replicateGetPrediction', `/replicate/v1/predictions/${id}`);
}

describe('200', () => {
  it('tells a prediction from start to end, and still does when its day is over', async () => {
    const scene = await openReplicateScene();
    const { id } = (await scene.draw()).json;
    const starting = (await read(scene, id)).json;
    await scene.clock.advance(500);
    await scene.finish(id);

    const ended = (await read(scene, id)).json;

    expect(starting).toMatchObject({ status: 'starting', started_at: null, completed_at: null, metrics: {} });
    expect(ended).toMatchObject({ status: 'succeeded', data_removed: false, metrics: { total_time: 0.5 } });
    expect(ended.output).toHaveLength(1);
    await scene.clock.advance(25 * 3_600_000);
    expect((await read(scene, id)).json).toMatchObject({ status: 'succeeded', input: ended.input });
    expect((await read(scene, id)).json.output).toHaveLength(1);
  });

  it('says `processing` while it runs', async () => {
    const scene = await openReplicateScene();
    const { id } = (await scene.draw()).json;
    await scene.start(id);

    expect((await read(scene, id)).json).toMatchObject({ status: 'processing', output: null });
  });

  it('says of one that expired that it failed, and why', async () => {
    const scene = await openReplicateScene();
    const { id } = (await scene.draw()).json;
    await scene.clock.advance(jobLimits.startWithinMsDefault + 1);
    const job = await scene.jobOf(id);
    await applyTransition(scene, job, expire(job, scene.clock.nowMs()));

    expect((await read(scene, id)).json).toMatchObject({
      status: 'failed',
      error: 'The job did not start before its deadline.',
    });
  });

  it('says when its files are gone', async () => {
    const scene = await openReplicateScene();
    const { id } = (await scene.draw()).json;
    const job = await scene.finish(id);
    const patch = { filesUntilMs: scene.clock.nowMs() };
    await scene.jobs.create({ ...job, ...patch, jobId: `job_${'1'.repeat(26)}` });

    expect((await read(scene, `job_${'1'.repeat(26)}`)).json).toMatchObject({
      data_removed: true,
      output: null,
    });
  });
});

describe('404', () => {
  it('says so in the form of the dialect', async () => {
    const got = await read(await openReplicateScene(), 'gm3qorzdhgbfurvjtvhg6dckhu');

    expect(got.json).toMatchObject({
      title: 'Not found',
      detail: 'There is no such object.',
      status: 404,
      error: { code: 'not_found', request_id: got.headers['x-request-id'] },
    });
  });
});
