import { describe, expect, it } from 'vitest';
import { batchScene } from '../batch-scene.ts';

describe('200', () => {
  it('deletes the file with its bytes', async () => {
    const { scene, key, upload } = await batchScene();
    const { id } = await upload();

    const got = await scene.send('deleteFile', `/v1/files/${id}`, { key });

    expect(got.json).toEqual({ id, object: 'file', deleted: true });
    expect(await scene.blobs.get('tenant-a', `files/${id}.jsonl`)).toBeNull();
    expect((await scene.send('getFile', `/v1/files/${id}`, { key })).status).toBe(404);
  });
});

describe('404', () => {
  it('answers for one that was deleted before', async () => {
    const { scene, key, upload } = await batchScene();
    const { id } = await upload();
    await scene.send('deleteFile', `/v1/files/${id}`, { key });

    expect((await scene.send('deleteFile', `/v1/files/${id}`, { key })).status).toBe(404);
  });
});
