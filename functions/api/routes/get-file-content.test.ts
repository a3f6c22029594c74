import { describe, expect, it } from 'vitest';
import { batchScene } from '../batch-scene.ts';

describe('302', () => {
  it('redirects to the bytes', async () => {
    const { scene, key, upload } = await batchScene();
    const { id } = await upload('some lines');

    const got = await scene.send('getFileContent', `/v1/files/${id}/content`, { key });

    expect([got.status, got.text]).toEqual([302, '']);
    expect(got.headers.location).toContain(Buffer.from('some lines').toString('base64'));
  });
});

describe('404', () => {
  it('answers for a file past its expiry as for none', async () => {
    const { scene, key, upload } = await batchScene();
    const { id } = await upload();
    await scene.clock.advance(30 * 86_400_000 - 500);

    expect((await scene.send('getFileContent', `/v1/files/${id}/content`, { key })).status).toBe(404);
    expect((await scene.send('getFileContent', '/v1/files/nothing/content', { key })).status).toBe(404);
  });
});
