import { describe, expect, it } from 'vitest';
import { adapterScene } from '../adapter-scene.ts';

describe('200', () => {
  it('shows what the adapter is, and never a link to its file', async () => {
    const { scene, key, path, offer } = await adapterScene();
    const { upload, ...shown } = await offer();

    const { json } = await scene.send('getAdapter', `${path}/${shown.id}`, { key });

    expect(upload).not.toBeNull();
    expect(json).toEqual(shown);
  });
});

describe('403', () => {
  it('needs the scope adapters:write', async () => {
    const { scene, path, offer } = await adapterScene();
    const { id } = await offer();

    expect((await scene.send('getAdapter', `${path}/${id}`)).json.error.code).toBe('missing_scope');
  });
});

describe('404', () => {
  it.each(['adapter_00000000000000000000000000', 'x', '__proto__'])('knows no adapter %s', async (id) => {
    const { scene, key, path } = await adapterScene();

    expect((await scene.send('getAdapter', `${path}/${id}`, { key })).json.error.code).toBe('not_found');
  });
});
