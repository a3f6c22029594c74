import { describe, expect, it } from 'vitest';
import { sampleJob } from '#core/samples.ts';
import { openReplicateScene, pathOf } from '../dialects/replicate/replicate-scene.ts';

const path = '/replicate/v1/predictions';

async function openLongScene() {
  const scene = await openReplicateScene();
  for (let count = 0; count < 101; count += 1) {
    const jobId = `job_${String(count).padStart(26, '0')}`;
    await scene.jobs.create(sampleJob({ jobId, createdAtMs: scene.clock.nowMs() + count }));
  }
  return scene;
}

describe('200', () => {
  it('goes on by the address of the next page, to the last', async () => {
    const scene = await openLongScene();

    const first = (await scene.send('replicateListPredictions', path)).json;
    const second = (await scene.send('replicateListPredictions', pathOf(first.next))).json;

    expect([first.results.length, second.results.length]).toEqual([100, 1]);
    expect([first.previous, second.previous, second.next]).toEqual([null, null, null]);
    expect(first.results[0].id).toBe(`job_${'100'.padStart(26, '0')}`);
  });

  it('lists what was created after an instant, on every page', async () => {
    const scene = await openLongScene();
    const after = new Date(scene.clock.nowMs()).toISOString();

    const { results, next } = (await scene.send('replicateListPredictions', `${path}?created_after=${after}`))
      .json;

    expect(results).toHaveLength(100);
    expect(next === null || new URL(next).searchParams.get('created_after') === after).toBe(true);
  });
});

describe('422', () => {
  it.each(['cursor=', 'created_after=yesterday', 'created_before=2026-11-20T12:00:00Z', 'source=web'])(
    'knows no %s',
    async (query) => {
      const scene = await openReplicateScene();

      const got = await scene.send('replicateListPredictions', `${path}?${query}`);

      expect([got.status, got.json.error.code]).toEqual([422, 'invalid_request']);
    },
  );
});
