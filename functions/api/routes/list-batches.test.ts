import { describe, expect, it } from 'vitest';
import { sampleTenant } from '#core/samples.ts';
import { batchScene } from '../batch-scene.ts';

describe('200', () => {
  it("pages through a tenant's own, newest first", async () => {
    const { scene, key, create, stranger } = await batchScene();
    const ids = [];
    for (let count = 0; count < 3; count += 1) {
      await scene.clock.advance(1_000);
      ids.unshift((await create()).id);
    }
    const theirs = await stranger(sampleTenant({ tenantId: 'tenant-b' }));
    const page = async (query: string, by = key) =>
      (await scene.send('listBatches', `/v1/batches?${query}`, { key: by })).json;

    const first = await page('limit=2');
    const rest = await page(`after=${first.last_id}`);

    expect(first).toMatchObject({ first_id: ids[0], last_id: ids[1], has_more: true });
    expect(rest.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect((await page('', theirs)).data).toEqual([]);
  });
});

describe('400', () => {
  it.each(['limit=101', 'after=file_1', 'status=failed'])('refuses %s', async (query) => {
    const { scene, key } = await batchScene();

    const got = await scene.send('listBatches', `/v1/batches?${query}`, { key });

    expect([got.status, got.json.error.param]).toEqual([400, query.split('=')[0]]);
  });
});
