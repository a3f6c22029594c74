import { describe, expect, it } from 'vitest';
import { versionIdOf } from '#core/dialects/replicate/names.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

const version = versionIdOf(fakeManifest);

async function create(body: object) {
  const scene = await openReplicateScene();
  return scene.send('replicateCreatePrediction', '/replicate/v1/predictions', { body });
}

const input = { prompt: 'a lighthouse' };

describe('201', () => {
  it.each([version, 'pilotlight/fake-image', `pilotlight/fake-image:${version}`, 'fake-image'])(
    'takes %s for a version',
    async (named) => {
      const got = await create({ version: named, input });

      expect([got.status, got.json.model, got.json.version]).toEqual([201, 'pilotlight/fake-image', version]);
    },
  );
});

describe('404', () => {
  it.each([
    '0'.repeat(64),
    'meta/fake-image',
    `pilotlight/fake-chat:${version}`,
    `pilotlight/fake-image:${version}:`,
    'pilotlight/',
    'constructor',
  ])('has no version %s', async (named) => {
    expect((await create({ version: named, input })).json.error.code).toBe('model_not_found');
  });
});

describe('422', () => {
  it('needs a version', async () => {
    expect((await create({ input })).json.invalid_fields).toMatchObject([
      { type: 'required', field: 'version' },
    ]);
  });
});
