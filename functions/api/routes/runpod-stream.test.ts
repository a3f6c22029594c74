import { describe, expect, it } from 'vitest';
import { createApiScene } from '../api-scene.ts';

const base = '/runpod/v2/fake-image';

describe('200', () => {
  it('tells what a job made, once, and then nothing', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);
    const ask = async () => (await scene.send('runpodStream', `${base}/stream/${id}`)).json;

    const [first, second] = [await ask(), await ask()];

    expect(first).toMatchObject({ status: 'COMPLETED', stream: [{ output: { type: 'image' } }] });
    expect(second).toEqual({ status: 'COMPLETED', stream: [] });
  });
});

describe('405', () => {
  it('is told to HEAD, which would take what its answer cannot tell', async () => {
    const scene = await createApiScene();
    const id = await scene.submit();
    await scene.finish(id);

    const head = await scene.sendRaw('HEAD', `${base}/stream/${id}`);
    const got = await scene.send('runpodStream', `${base}/stream/${id}`);

    expect([head.status, head.headers.allow]).toEqual([405, 'GET']);
    expect(got.json.stream).toMatchObject([{ output: { type: 'image' } }]);
  });
});
