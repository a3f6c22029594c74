import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { batchScene } from '../batch-scene.ts';

describe('200', () => {
  it('pages through the files, newest first or oldest first', async () => {
    const { scene, key, upload } = await batchScene();
    const ids = [];
    for (let count = 0; count < 5; count += 1) {
      await scene.clock.advance(1_000);
      ids.unshift((await upload()).id);
    }
    const page = async (query: string) => (await scene.send('listFiles', `/v1/files?${query}`, { key })).json;

    const first = await page('limit=2');
    const rest = await page(`limit=10&after=${first.last_id}`);
    const oldest = await page('limit=1&order=asc');

    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    expect(first).toMatchObject({ object: 'list', first_id: ids[0], last_id: ids[1], has_more: true });
    expect(rest.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect(rest.has_more).toBe(false);
    expect(oldest.first_id).toBe(ids[4]);
  });

  it("shows a tenant's own alone, by purpose where it is asked for, and none past its expiry", async () => {
    const { scene, key, upload, stranger } = await batchScene();
    await upload();
    const theirs = await stranger(sampleTenant({ tenantId: 'tenant-b' }));
    const count = async (query: string, by = key) =>
      (await scene.send('listFiles', `/v1/files${query}`, { key: by })).json.data.length;

    expect([await count(''), await count('?purpose=batch_output'), await count('', theirs)]).toEqual([
      1, 0, 0,
    ]);
    await scene.clock.advance(30 * 86_400_000);
    expect(await count('')).toBe(0);
  });
});

describe('400', () => {
  it.each(['limit=0', 'order=up', 'purpose=assistants', 'after=batch_1', 'after=..%2f'])(
    'refuses %s',
    async (query) => {
      const { scene, key } = await batchScene();

      const got = await scene.send('listFiles', `/v1/files?${query}`, { key });

      expect([got.status, got.json.error.param]).toEqual([400, query.split('=')[0]]);
    },
  );
});
