import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { openReplicateScene } from '../dialects/replicate/replicate-scene.ts';

describe('200', () => {
  it('tells what a request must hold and what comes of it', async () => {
    const scene = await openReplicateScene();
    const schemasOf = async (name: string) => {
      const got = await scene.send('replicateGetModel', `/replicate/v1/models/pilotlight/${name}`);
      return got.json.latest_version.openapi_schema.components.schemas;
    };

    expect(await schemasOf('fake-image')).toMatchObject({
      Input: { required: ['prompt'] },
      Output: { type: 'array', items: { type: 'string', format: 'uri' } },
    });
    expect(await schemasOf('fake-chat')).toMatchObject({
      Output: {
        items: { type: 'string' },
        'x-cog-array-type': 'iterator',
        'x-cog-array-display': 'concatenate',
      },
    });
  });
});

describe('404', () => {
  it.each(['pilotlight/other', 'meta/fake-image', 'pilotlight/fake-chat'])('has no %s', async (name) => {
    const scene = await openReplicateScene({ tenant: sampleTenant({ models: ['fake-image'] }) });

    const got = await scene.send('replicateGetModel', `/replicate/v1/models/${name}`);

    expect(got.json).toMatchObject({ status: 404, error: { code: 'model_not_found' } });
  });
});
