import { describe, expect, it } from 'vitest';
import { versionIdOf } from '#core/dialects/replicate/names.ts';
import { fakeManifest } from '#sim/memory/flow-world.ts';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

async function list(name: string) {
  return (await openReplicateScene()).send(
    'replicateListVersions',
    `/replicate/v1/models/pilotlight/${name}/versions`,
  );
}

describe('200', () => {
  it('has the one version that the catalog holds', async () => {
    expect((await list('fake-image')).json).toMatchObject({
      next: null,
      results: [{ id: versionIdOf(fakeManifest) }],
    });
  });
});

describe('404', () => {
  it('has no versions of a model that is not there', async () => {
    expect((await list('other')).json.error.code).toBe('model_not_found');
  });
});
