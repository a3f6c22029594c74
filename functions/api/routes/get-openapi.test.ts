import { describe, expect, it } from 'vitest';
import { openapiDocument } from '#core/api/openapi.ts';
import { createApiScene } from '../api-scene.ts';

describe('200', () => {
  it('answers with the document of the route table, without a key', async () => {
    const scene = await createApiScene();

    const got = await scene.send('getOpenapi', '/openapi.json', { key: null });

    expect(got.json).toEqual(openapiDocument({ version: '0.0.0-test' }));
    expect(got.headers['cache-control']).toBe('public, max-age=300');
  });
});
