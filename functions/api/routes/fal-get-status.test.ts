import { describe, expect, it } from 'vitest';
import { drawn, openFalScene, requestPath } from '../dialects/fal/fal-scene.ts';

describe('202', () => {
  it('says how many go first, then that it runs', async () => {
    const scene = await openFalScene();
    const ids = [await drawn(scene), await drawn(scene)];
    const look = async (id = '') => scene.send('falGetStatus', requestPath(id, '/status'));

    const waiting = await look(ids[1]);
    await scene.start(ids[0] ?? '');
    const running = await look(ids[0]);

    expect(waiting).toMatchObject({ status: 202, json: { status: 'IN_QUEUE', queue_position: 1 } });
    expect(running).toMatchObject({ status: 202, json: { status: 'IN_PROGRESS', logs: [] } });
    expect(running.json).not.toHaveProperty('queue_position');
  });

  it('tells the progress to whoever asks for it', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);
    const { attempt } = await scene.start(id);
    await scene.jobs.apply('tenant-a', id, { attempt, place: 'lease' }, { progress: { step: 1, steps: 2 } });
    const logsOf = async (query: string) =>
      (await scene.send('falGetStatus', requestPath(id, `/status${query}`))).json.logs;

    expect(await logsOf('?logs=1')).toMatchObject([{ message: '50%|█████     | 1/2', level: 'INFO' }]);
    expect(await logsOf('?logs=true')).toHaveLength(1);
    expect([await logsOf(''), await logsOf('?logs=0')]).toEqual([[], []]);
  });
});

describe('200', () => {
  it('says that it has ended, well or not', async () => {
    const scene = await openFalScene();
    const [well, canceled] = [await drawn(scene), await drawn(scene)];
    await scene.finish(well);
    await scene.send('falCancel', requestPath(canceled, '/cancel'));
    const look = async (id: string) => scene.send('falGetStatus', requestPath(id, '/status'));

    expect(await look(well)).toMatchObject({
      status: 200,
      json: { status: 'COMPLETED', metrics: { inference_time: expect.any(Number) } },
    });
    expect((await look(canceled)).json).toMatchObject({
      status: 'COMPLETED',
      metrics: { inference_time: null },
      error: 'The job was canceled.',
    });
  });
});

describe('404', () => {
  it('has no such request', async () => {
    const scene = await openFalScene();

    const got = await scene.send(
      'falGetStatus',
      requestPath('80e732af-660e-45cd-bd63-580e4f2a94cc', '/status'),
    );

    expect(got.json).toMatchObject({ detail: 'There is no such object.', error: { code: 'not_found' } });
  });
});

describe('422', () => {
  it('knows no other query', async () => {
    const scene = await openFalScene();

    expect((await scene.send('falGetStatus', requestPath('x', '/status?logs=2'))).status).toBe(422);
  });
});
