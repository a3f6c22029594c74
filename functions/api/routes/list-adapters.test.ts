import { describe, expect, it } from 'vitest';
import { loraFile } from '#core/adapter/file-under-test.ts';
import { adapterScene } from '../adapter-scene.ts';

describe('200', () => {
  it('lists every adapter of the tenant, oldest first, whatever became of it', async () => {
    const { scene, key, path, offer, add } = await adapterScene();
    const first = await add(loraFile(1));
    await scene.clock.advance(1_000);
    const second = await offer(loraFile(2));

    const { json } = await scene.send('listAdapters', path, { key });

    expect(json).toMatchObject({ object: 'list', next_cursor: null });
    expect(json.data.map(({ id, status }: typeof first) => [id, status])).toEqual([
      [first.id, 'ready'],
      [second.id, 'pending'],
    ]);
  });
});

describe('400', () => {
  it('takes no query', async () => {
    const { scene, key, path } = await adapterScene();

    const { json } = await scene.send('listAdapters', `${path}?limit=2`, { key });

    expect(json.error).toMatchObject({ code: 'invalid_request', param: 'limit' });
  });
});

describe('403', () => {
  it('needs the scope adapters:write', async () => {
    const { scene, path } = await adapterScene();

    expect((await scene.send('listAdapters', path)).json.error.code).toBe('missing_scope');
  });
});
