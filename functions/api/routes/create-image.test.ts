import { describe, expect, it } from 'vitest';
import { dataOf, openDialectScene } from '../dialects/openai/dialect-scene.ts';

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

describe('200, streamed', () => {
  const long = { steps: 8, step_ms: 500, stream: true };

  function eventsOf(text: string) {
    return dataOf(text).map((data) => JSON.parse(data));
  }

  it('shows the picture as often as was asked while it is drawn, and then the picture', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { ...long, size: '256x256', partial_images: 2 }));

    const [job] = (await scene.jobs.list('tenant-a', { limit: 1 })).items;
    const bytes = await scene.blobs.get('tenant-a', job?.outputs[0]?.path ?? '');
    const created_at = Math.floor((job?.createdAtMs ?? 0) / 1000);
    const shape = { background: 'opaque', created_at, quality: 'auto' };
    const partial = {
      type: 'image_generation.partial_image',
      ...shape,
      output_format: 'jpeg',
      size: '256x256',
    };
    expect(got.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(eventsOf(got.text)).toMatchObject([
      { ...partial, partial_image_index: 0, b64_json: btoa(`${job?.jobId} after 4`) },
      { ...partial, partial_image_index: 1, b64_json: btoa(`${job?.jobId} after 6`) },
      {
        type: 'image_generation.completed',
        ...shape,
        b64_json: Buffer.from(bytes ?? []).toString('base64'),
        usage: { output_tokens: 0 },
      },
    ]);
    for (const { type } of eventsOf(got.text)) expect(got.text).toContain(`event: ${type}\n`);
  });

  it('sends each of several pictures when all are done, and no looks at them unless asked', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { ...long, n: 2 }));

    expect(eventsOf(got.text).map(({ type }) => type)).toEqual([
      'image_generation.completed',
      'image_generation.completed',
    ]);
  });

  it('tells in the stream that the job failed', async () => {
    const scene = await openDialectScene();

    const got = await scene.whileWorking(ask(scene, { ...long, fault: 'error', partial_images: 3 }));

    expect(eventsOf(got.text).at(-1)?.error).toMatchObject({ code: 'job_failed' });
    expect(got.text).not.toContain('image_generation.completed');
  });

  it('cancels the job when its client hangs up, and gives its place back', async () => {
    const scene = await openDialectScene();
    const gone = new AbortController();
    const body = { ...picture, ...long };
    const asked = scene.sendRaw('POST', '/v1/images/generations', { body, gone: gone.signal });
    await scene.clock.advance(1_000);

    gone.abort();
    await asked;

    expect((await scene.jobs.list('tenant-a', { limit: 1 })).items).toMatchObject([{ status: 'canceled' }]);
    const place = { max: 1, nowMs: scene.clock.nowMs(), untilMs: scene.clock.nowMs() + 1 };
    expect(await scene.streams.open('tenant-a', 'probe', place)).toBe('opened');
  });
});

describe('400', () => {
  it.each([
    [{ size: '64x64' }, 'size'],
    [{ size: '512x256' }, 'size'],
    [{ n: 9 }, 'n'],
    [{ stream: true, response_format: 'url' }, 'response_format'],
    [{ partial_images: 2 }, 'partial_images'],
    [{ stream: true, partial_images: 4 }, 'partial_images'],
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
