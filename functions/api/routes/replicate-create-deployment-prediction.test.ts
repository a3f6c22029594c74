import { describe, expect, it } from 'vitest';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

async function create(name: string) {
  const scene = await openReplicateScene();
  const versions = [{ version: 'fake-image', model: 'fake-image', weight: 1 }];
  await scene.aliases.put({ family: 'art', name: 'stable', versions, createdAtMs: 1, version: 1 });
  return scene.send('replicateCreateDeploymentPrediction', `/replicate/v1/deployments/${name}/predictions`, {
    body: { input: { prompt: 'a lighthouse' } },
  });
}

describe('201', () => {
  it.each(['pilotlight/fake-image', 'pilotlight/art:stable'])('serves %s', async (name) => {
    const got = await create(name);

    expect([got.status, got.json.model]).toEqual([201, 'pilotlight/fake-image']);
  });
});

describe('404', () => {
  it.each(['pilotlight/other', 'pilotlight/art:other', 'acme/fake-image'])('has no %s', async (name) => {
    expect((await create(name)).json.error.code).toBe('model_not_found');
  });
});
