import { describe, expect, it } from 'vitest';
import { openDialectScene } from '../dialects/openai/dialect-scene.ts';

type Scene = Awaited<ReturnType<typeof openDialectScene>>;

const picture = { model: 'fake-image', prompt: 'a lighthouse' };

function ask(scene: Scene, change: object = {}) {
  return scene.send('createImage', '/v1/images/generations', { body: { ...picture, ...change } });
}

describe('200', () => {
  it('draws as many as are asked for, of the size and seed, and links them', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { n: 2, size: '256x256', seed: 7 }));

    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    expect(job?.input).toMatchObject({ prompt: 'a lighthouse', n: 2, size: 256, seed: 7 });
    expect(got.json.created).toBe(Math.floor((job?.createdAtMs ?? 0) / 1000));
    expect(got.json.data).toHaveLength(2);
    for (const { url } of got.json.data) expect(url).toMatch(/^data:/);
    expect(got.headers['x-pilotlight-job-id']).toBe(job?.jobId);
  });

  it('sends the pictures themselves when asked', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { response_format: 'b64_json' }));

    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    const bytes = await scene.blobs.get('tenant-a', job?.outputs[0]?.path ?? '');
    expect(got.json.data).toEqual([{ b64_json: Buffer.from(bytes ?? []).toString('base64') }]);
  });
});

describe('400', () => {
  it.each([
    [{ size: '64x64' }, 'size'],
    [{ size: '512x256' }, 'size'],
    [{ n: 9 }, 'n'],
    [{ stream: true }, 'stream'],
    [{ style: 'vivid' }, 'style'],
    [{ prompt: '' }, 'prompt'],
    [{ not_a_field: 1 }, 'not_a_field'],
    [{ model: 'fake-chat' }, 'model'],
    [{ quality: 'high' }, 'quality'],
  ])('names the parameter at fault: %j', async (change, param) => {
    const got = await ask(await openDialectScene(), change);

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({ code: 'invalid_request', param });
  });
});
