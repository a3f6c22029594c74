/** Pictures to draw from over the real routes: what is taken, what is shown, what is refused before it costs anything. */
import { describe, expect, it } from 'vitest';
import { pngOf } from '#core/images/png-under-test.ts';
import { createCatalog } from '#core/models/manifest.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import type { ApiScene } from './api-scene.ts';
import { createApiScene } from './api-scene.ts';

const packed = pngOf({ width: 64, height: 64 }).toString('base64');
const png = `data:image/png;base64,${packed}`;
const wide = `data:image/png;base64,${pngOf({ width: 64, height: 32 }).toString('base64')}`;

function openScene(): Promise<ApiScene> {
  const { input_schema } = fakeManifest;
  const properties = {
    ...input_schema.properties,
    image: { type: 'string' },
    mask: { type: 'string' },
    strength: { type: 'number', minimum: 0.05, maximum: 1 },
  };
  const drawing = { ...fakeManifest, input_schema: { ...input_schema, properties } };
  return createApiScene({ change: { catalog: createCatalog([drawing]) } });
}

function submit(scene: ApiScene, input: object) {
  const body = { model: 'fake-image', input: { prompt: 'a red ring', ...input } };
  return scene.send('submitJob', '/v1/jobs', { body });
}

describe('202', () => {
  it('takes a picture with its mask, keeps both whole and shows neither', async () => {
    const scene = await openScene();

    const got = await submit(scene, { image: png, mask: png, strength: 0.8 });

    expect(got.status).toBe(202);
    const shown = 'data:image/png;base64,';
    expect(got.json.input).toMatchObject({ image: shown, mask: shown, strength: 0.8 });
    const job = await scene.jobs.get('tenant-a', got.json.id, { consistent: true });
    expect(job?.input).toMatchObject({ image: png, mask: png });
    expect((await scene.send('getJob', `/v1/jobs/${got.json.id}`)).text).not.toContain(packed);
    expect((await scene.send('listJobs', '/v1/jobs')).text).not.toContain(packed);
  });
});

describe('400', () => {
  it.each([
    ['an address instead of a picture', { image: 'https://example.com/a.png' }, 'input.image'],
    ['bytes that are no picture', { image: 'data:image/png;base64,AAAA' }, 'input.image'],
    ['a picture that is not square', { image: wide }, 'input.image'],
    ['a mask of another size', { image: png, mask: wide }, 'input.mask'],
    ['a mask without a picture', { mask: png }, 'input.mask'],
    ['a strength that leaves nothing to do', { image: png, strength: 0 }, 'input.strength'],
  ])('refuses %s and names its place, at no cost', async (_, input, path) => {
    const scene = await openScene();

    const got = await submit(scene, input);

    expect(got.status).toBe(400);
    expect(got.json.error).toMatchObject({ code: 'invalid_request', details: [{ path }] });
    expect((await scene.gates.read('tenant-a'))?.open).toEqual({});
  });
});

describe('413', () => {
  it('refuses a picture that is larger than a request may be', async () => {
    const got = await submit(await openScene(), { image: png + 'A'.repeat(200_000) });

    expect(got.status).toBe(413);
  });
});
