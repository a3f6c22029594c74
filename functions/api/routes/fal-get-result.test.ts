import { describe, expect, it } from 'vitest';
import { applyTransition } from '#core/flows/apply.ts';
import { expire } from '#core/job/transitions.ts';
import { jobLimits } from '#core/limits.ts';
import { drawn, openFalScene, requestPath } from '../dialects/fal/fal-scene.ts';

describe('200', () => {
  it('has the pictures, with their size and seed', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);
    const job = await scene.finish(id);

    const got = await scene.send('falGetResult', requestPath(id));

    expect(got.json).toEqual({
      images: [
        {
          url: expect.stringMatching(/^data:/),
          content_type: 'image/png',
          file_name: '0.png',
          file_size: 7,
          width: 512,
          height: 512,
        },
      ],
      seed: job.receipt?.seeds[0],
      timings: { inference: (job.timings?.runMs ?? 0) / 1000 },
    });
    expect(got.headers['x-fal-request-id']).toBe(id);
  });
});

describe('400', () => {
  it('asks to wait for a request that has not ended', async () => {
    const scene = await openFalScene();

    const got = await scene.send('falGetResult', requestPath(await drawn(scene)));

    expect([got.status, got.json.detail]).toEqual([400, 'Request is still in progress']);
  });
});

describe('404', () => {
  it('has no such request, and says when files are gone', async () => {
    const scene = await openFalScene();
    const job = await scene.finish(await drawn(scene));
    const gone = `job_${'1'.repeat(26)}`;
    await scene.jobs.create({ ...job, jobId: gone, filesUntilMs: scene.clock.nowMs() });

    expect((await scene.send('falGetResult', requestPath('x'))).status).toBe(404);
    expect((await scene.send('falGetResult', requestPath(gone))).json.detail).toContain('gone');
  });
});

describe('504', () => {
  it('says of one that could not start in time that this was its own limit', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);
    await scene.clock.advance(jobLimits.startWithinMsDefault + 1);
    const job = await scene.jobOf(id);
    await applyTransition(scene, job, expire(job, scene.clock.nowMs()));

    const got = await scene.send('falGetResult', requestPath(id));

    expect([got.status, got.headers['x-fal-request-timeout-type']]).toEqual([504, 'user']);
  });
});
