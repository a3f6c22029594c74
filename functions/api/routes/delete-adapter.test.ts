import { describe, expect, it } from 'vitest';
import { adapterScene } from '../adapter-scene.ts';

describe('200', () => {
  it('deletes the adapter and its file', async () => {
    const { scene, key, path, add } = await adapterScene();
    const { id } = await add();

    const { json } = await scene.send('deleteAdapter', `${path}/${id}`, { key });

    expect(json).toEqual({ id, object: 'adapter', deleted: true });
    expect(await scene.adapters.list('tenant-a')).toEqual([]);
    expect(await scene.adapterFiles.read('tenant-a', id)).toBeNull();
  });

  it('lets the same file come again, under the same id', async () => {
    const { scene, key, path, add } = await adapterScene();
    const { id } = await add();
    await scene.send('deleteAdapter', `${path}/${id}`, { key });

    expect(await add()).toMatchObject({ id, status: 'ready' });
  });
});

describe('403', () => {
  it('needs the scope adapters:write', async () => {
    const { scene, path, add } = await adapterScene();
    const { id } = await add();

    expect((await scene.send('deleteAdapter', `${path}/${id}`)).json.error.code).toBe('missing_scope');
    expect(await scene.adapters.list('tenant-a')).toHaveLength(1);
  });
});

describe('404', () => {
  it('knows neither one that was deleted nor one that never was', async () => {
    const { scene, key, path, add } = await adapterScene();
    const { id } = await add();
    await scene.send('deleteAdapter', `${path}/${id}`, { key });

    const again = await scene.send('deleteAdapter', `${path}/${id}`, { key });
    const never = await scene.send('deleteAdapter', `${path}/x`, { key });

    expect([again.json.error.code, never.json.error.code]).toEqual(['not_found', 'not_found']);
  });
});
