import { describe, expect, it } from 'vitest';
import { batchKeptUntilMs, failed } from '#core/batch/batch.ts';
import { sampleTenant } from '#core/samples.ts';
import { batchScene } from '../batch-scene.ts';

describe('200', () => {
  it('shows why a batch failed and when', async () => {
    const { scene, key, create } = await batchScene();
    const { id } = await create();
    const batch = await scene.batches.get('tenant-a', id);
    if (batch === null) throw new Error('the batch was made just now');
    const fault = { code: 'not_json', message: 'is not valid JSON', line: 3, param: null };
    await scene.batches.put(failed(batch, [fault], scene.clock.nowMs()));

    const { json } = await scene.send('getBatch', `/v1/batches/${id}`, { key });

    expect(json).toMatchObject({ status: 'failed', errors: { object: 'list', data: [fault] } });
    expect(json.failed_at).toBe(Math.floor(scene.clock.nowMs() / 1000));
    expect(json.completed_at).toBeNull();
  });
});

describe('404', () => {
  it('answers for one past its retention and for that of another tenant as for none', async () => {
    const { scene, key, create, stranger } = await batchScene();
    const { id } = await create();
    const theirs = await stranger(sampleTenant({ tenantId: 'tenant-b' }));
    const batch = await scene.batches.get('tenant-a', id);
    if (batch === null) throw new Error('the batch was made just now');
    const ended = failed(batch, [], scene.clock.nowMs());
    await scene.batches.put(ended);

    const foreign = await scene.send('getBatch', `/v1/batches/${id}`, { key: theirs });
    await scene.clock.advance((batchKeptUntilMs(ended) ?? 0) - scene.clock.nowMs());
    const late = await scene.send('getBatch', `/v1/batches/${id}`, { key });

    expect([foreign.status, late.status]).toEqual([404, 404]);
  });
});
