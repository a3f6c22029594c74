import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('tells a task from its line to its pictures', async () => {
    const scene = await createApiScene();
    const { task_id: id } = (await scene.send('generate', '/generate', { body: { prompt: 'a lighthouse' } }))
      .json;
    const ask = async () => (await scene.send('getTask', `/status/${id}`)).json;

    const waiting = await ask();
    await scene.finish(id);
    const done = await ask();

    expect(waiting).toEqual({ task_id: id, status: 'queued' });
    expect(done).toMatchObject({ task_id: id, status: 'done', images: [expect.stringMatching(/^\w+:/)] });
  });

  it('tells one that runs', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.start(id);

    expect((await scene.send('getTask', `/status/${id}`)).json).toMatchObject({ status: 'generating' });
  });
});

describe('404', () => {
  it.each(['x', 'job_00000000000000000000000000'])(
    'answers for %s as for any that is not there',
    async (id) => {
      const scene = await createApiScene();

      expect((await scene.send('getTask', `/status/${id}`)).status).toBe(404);
    },
  );
});
