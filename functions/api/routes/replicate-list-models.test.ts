import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

const path = '/replicate/v1/models';

describe('200', () => {
  it('lists every model', async () => {
    const got = await (await openReplicateScene()).send('replicateListModels', path);

    expect(got.json).toMatchObject({ previous: null, next: null });
    expect(got.json.results.map(({ name }: { name: string }) => name)).toEqual(['fake-image', 'fake-chat']);
  });

  it('lists what is granted, and nothing else', async () => {
    const scene = await openReplicateScene({ tenant: sampleTenant({ models: ['fake-chat'] }) });

    const got = await scene.send('replicateListModels', path);

    expect(got.json.results).toMatchObject([{ owner: 'pilotlight', name: 'fake-chat' }]);
  });
});
