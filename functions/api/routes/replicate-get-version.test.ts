import { describe, expect, it } from 'vitest';
import { versionIdOf } from '#core/dialects/replicate/names.ts';
import { fakeChatManifest, fakeManifest } from '#sim/memory/flow-world.ts';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

async function read(version: string) {
  const path = `/replicate/v1/models/pilotlight/fake-image/versions/${version}`;
  return (await openReplicateScene()).send('replicateGetVersion', path);
}

describe('200', () => {
  it('tells the version by its id', async () => {
    const id = versionIdOf(fakeManifest);

    expect((await read(id)).json).toMatchObject({ id, cog_version: '' });
  });
});

describe('404', () => {
  it.each([versionIdOf(fakeChatManifest), versionIdOf({ ...fakeManifest, revision: 'of before' }), 'latest'])(
    'has no version %s',
    async (version) => {
      expect((await read(version)).json.error.code).toBe('model_not_found');
    },
  );
});
