import { describe, expect, it } from 'vitest';
import { openFalScene } from '../dialects/fal/fal-scene.ts';

const path = '/fal/rest/storage/upload/initiate?storage_type=fal-cdn-v3';

describe('200', () => {
  it('says where a picture goes and what inputs call it, and keeps nothing yet', async () => {
    const scene = await openFalScene();
    const body = { content_type: 'image/png', file_name: 'a.png' };

    const { json } = await scene.send('falInitiateUpload', path, { body });

    expect(json).toEqual({
      upload_url: expect.stringMatching(/\/fal\/rest\/storage\/files\/tenant-a\.file_\w{26}\.\d+\./),
      file_url: expect.stringMatching(/\/v1\/files\/file_\w{26}\/content$/),
    });
    expect((await scene.files.list('tenant-a', { limit: 1, order: 'desc' })).items).toEqual([]);
  });
});

describe('422', () => {
  it('refuses what is no picture, by its field', async () => {
    const scene = await openFalScene();
    const body = { content_type: 'video/mp4', file_name: 'a.mp4' };

    const { status, json } = await scene.send('falInitiateUpload', path, { body });

    expect([status, json.detail[0].loc]).toEqual([422, ['body', 'content_type']]);
  });
});
