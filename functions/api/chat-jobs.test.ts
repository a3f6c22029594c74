/** Chats over the real routes: what is taken, what is shown of it, and what is refused before it costs anything. */
import { describe, expect, it } from 'vitest';
import { createCatalog } from '#core/models/manifest.ts';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
import type { ApiScene } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function openScene(): Promise<ApiScene> {
  return createApiScene({ change: { catalog: createCatalog([fakeManifest, fakeChatManifest]) } });
}

function picture(url: string) {
  return { type: 'image_url', image_url: { url } };
}

function submit(scene: ApiScene, content: unknown, change: object = {}) {
  const input = { messages: [{ role: 'user', content }], ...change };
  return scene.send('submitJob', '/v1/jobs', { body: { model: 'fake-chat', input } });
}

describe('202', () => {
  it('takes a question about a picture, keeps it whole and shows it without the picture', async () => {
    const scene = await openScene();
    const text = { type: 'text', text: 'what is this?' };

    const got = await submit(scene, [text, picture(`data:image/png;base64,${png}`)]);

    expect(got.status).toBe(202);
    expect(got.text).not.toContain(png);
    expect(got.json.input).toMatchObject({
      messages: [{ role: 'user', content: [text, picture('data:image/png;base64,')] }],
      max_tokens: 4,
    });
    const job = await scene.jobs.get('tenant-a', got.json.id, { consistent: true });
    expect(JSON.stringify(job?.input)).toContain(png);
    expect((await scene.send('getJob', `/v1/jobs/${got.json.id}`)).text).not.toContain(png);
    expect((await scene.send('listJobs', '/v1/jobs')).text).not.toContain(png);
  });
});

describe('400', () => {
  it.each([
    ['an address instead of a picture', [picture('https://example.com/a.png')], 'content.0.image_url.url'],
    ['bytes that are no picture', [picture('data:image/png;base64,AAAA')], 'content.0.image_url.url'],
    ['a part of a type that there is not', [{ type: 'input_audio' }], 'content.0.type'],
    ['content that is neither text nor parts', 7, 'content'],
  ])('refuses %s and names its place, at no cost', async (_, content, place) => {
    const scene = await openScene();

    const got = await submit(scene, content);

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({
      code: 'invalid_request',
      details: [{ path: `input.messages.0.${place}` }],
    });
    expect((await scene.gates.read('tenant-a'))?.open).toEqual({});
  });

  it('refuses a parameter that the model has not, rather than passing it over', async () => {
    const got = await submit(await openScene(), 'hello', { logprobs: true });

    expect(got.status).toBe(400);
    expect(got.json.error.details).toMatchObject([{ path: 'input.logprobs' }]);
  });
});
