import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';
import { openDialectScene } from '../dialects/openai/dialect-scene.ts';

const input = { prompt: 'a lighthouse' };
const base = '/runpod/v2/fake-image';

describe('200', () => {
  it('waits for the job', async () => {
    const { send, whileWorking } = await openDialectScene();

    const got = await whileWorking(send('runpodRunSync', `${base}/runsync`, { body: { input } }));

    expect(got.json).toMatchObject({ status: 'COMPLETED', output: [expect.anything()] });
  });

  it('answers with the job as it stands after the wait, and leaves it alone', async () => {
    const scene = await createApiScene();
    const answer = scene.send('runpodRunSync', `${base}/runsync?wait=1000`, { body: { input } });
    for (let tries = 0; tries < 8; tries += 1) await scene.clock.advance(250);

    const got = await answer;

    expect(got.json.status).toBe('IN_QUEUE');
    expect((await scene.jobOf(got.json.id)).cancelRequestedAtMs).toBeNull();
  });

  it.each(['0', '999', '300001', 'x', '1e3'])('refuses a wait of %s', async (wait) => {
    const scene = await createApiScene();

    const got = await scene.send('runpodRunSync', `${base}/runsync?wait=${wait}`, { body: { input } });

    expect([got.status, got.json.error.param]).toEqual([400, 'wait']);
  });
});
