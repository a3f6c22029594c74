import { describe, expect, it } from 'vitest';
import { drawn, openFalScene, requestPath } from '../dialects/fal/fal-scene.ts';
import { dataOf } from '../dialects/openai/dialect-scene.ts';

describe('200', () => {
  it('tells each status once, to the end', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);

    const got = await scene.whileWorking(scene.send('falStreamStatus', requestPath(id, '/status/stream')));

    const statuses = dataOf(got.text).map((data) => JSON.parse(data).status);
    expect([...new Set(statuses)]).toEqual(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED']);
    expect(new Set(dataOf(got.text)).size).toBe(statuses.length);
  });

  it('of a request that has ended tells that at once', async () => {
    const scene = await openFalScene();
    const id = await drawn(scene);
    await scene.finish(id);

    const got = await scene.send('falStreamStatus', requestPath(id, '/status/stream?logs=1'));

    expect(dataOf(got.text).map((data) => JSON.parse(data).status)).toEqual(['COMPLETED']);
  });
});

describe('404', () => {
  it('has no such request', async () => {
    const scene = await openFalScene();

    expect((await scene.send('falStreamStatus', requestPath('x', '/status/stream'))).status).toBe(404);
  });
});
