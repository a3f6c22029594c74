import { describe, expect, it } from 'vitest';
import { changed } from '#core/batch/batch.ts';
import { batchScene } from '../batch-scene.ts';

describe('200', () => {
  it('cancels one that was not read yet at once, again and again', async () => {
    const { scene, key, create } = await batchScene();
    const { id } = await create();
    const cancel = () => scene.send('cancelBatch', `/v1/batches/${id}/cancel`, { key });

    const [first, second] = [await cancel(), await cancel()];

    expect(first.json.status).toBe('cancelled');
    expect(second.json).toEqual(first.json);
  });

  it('says of one in progress that it is about to be', async () => {
    const { scene, key, create } = await batchScene();
    const { id } = await create();
    await change(scene, id, 'in_progress');

    const got = await scene.send('cancelBatch', `/v1/batches/${id}/cancel`, { key });

    expect(got.json).toMatchObject({ status: 'cancelling', cancelled_at: null });
    expect(got.json.cancelling_at).not.toBeNull();
  });
});

describe('404', () => {
  it('answers for an id that is none', async () => {
    const { scene, key } = await batchScene();

    expect((await scene.send('cancelBatch', '/v1/batches/x/cancel', { key })).status).toBe(404);
  });
});

describe('409', () => {
  it('says that a batch has ended', async () => {
    const { scene, key, create } = await batchScene();
    const { id } = await create();
    await change(scene, id, 'completed');

    const got = await scene.send('cancelBatch', `/v1/batches/${id}/cancel`, { key });

    expect([got.status, got.json.error.code]).toEqual([409, 'conflict']);
    expect(got.json.error.message).toContain('is completed');
  });
});

type Scene = Awaited<ReturnType<typeof batchScene>>['scene'];

async function change({ batches }: Scene, id: string, status: 'in_progress' | 'completed'): Promise<void> {
  const batch = await batches.get('tenant-a', id);
  if (batch === null) throw new Error('the batch was made just now');
  await batches.put(changed(batch, { status }));
}
