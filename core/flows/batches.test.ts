import { describe, expect, it } from 'vitest';
import { createBatchWorld, lineOf } from '#sim/memory/batch-world.ts';
import { apiLimits, batchRunLimits } from '../limits.ts';
import type { Batches } from '../ports/batches.ts';
import type { BatchAsk } from './batches.ts';
import { createBatch } from './batches.ts';

async function open() {
  const world = await createBatchWorld();
  const { fileId } = await world.addFile([lineOf('a')]);
  const ask: BatchAsk = {
    tenant: world.tenant,
    key: { keyId: 'key00001', models: null },
    inputFileId: fileId,
    endpoint: '/v1/jobs',
    metadata: { name: 'nightly' },
    idempotencyKey: 'k/1 ü',
  };
  const stored = async () => (await world.batches.list(world.tenant.tenantId, { limit: 100 })).items;
  return { world, ask, stored };
}

describe('a batch that is asked for under a key', () => {
  it('is made once, and answered as it stands to whoever asks again', async () => {
    const { world, ask, stored } = await open();
    const first = await createBatch(world, ask);
    if (first.kind !== 'created') throw new Error(`the batch is ${first.kind}`);
    await world.finish(first.batch);
    await world.files.remove(world.tenant.tenantId, ask.inputFileId);

    const again = await createBatch(world, ask);

    expect(again).toMatchObject({
      kind: 'replayed',
      batch: { batchId: first.batch.batchId, status: 'completed' },
    });
    expect(await stored()).toHaveLength(1);
  });

  it('is made once by many who ask at once', async () => {
    const { world, ask, stored } = await open();

    const outcomes = await Promise.all(Array.from({ length: 8 }, () => createBatch(world, ask)));

    const ids = outcomes.map((each) => ('batch' in each ? each.batch.batchId : each.kind));
    expect(new Set(ids).size).toBe(1);
    expect(await stored()).toHaveLength(1);
  });

  it('is made under the id that was noted, where the first request died before it was made', async () => {
    const { world, ask, stored } = await open();
    const dies: Batches['put'] = () => Promise.reject(new Error('the process is gone'));
    const noted: string[] = [];
    const put: Batches['put'] = (batch) => {
      noted.push(batch.batchId);
      return dies(batch);
    };
    await expect(createBatch({ ...world, batches: { ...world.batches, put } }, ask)).rejects.toThrow('gone');

    const second = await createBatch(world, ask);

    expect(second).toMatchObject({ kind: 'created', batch: { batchId: noted[0] } });
    expect(await stored()).toHaveLength(1);
  });

  it.each([
    ['another file', { inputFileId: 'file_00000000000000000000000000' }],
    ['another url', { endpoint: '/v1/completions' }],
    ['other labels', { metadata: {} }],
  ])('is refused to a request of %s', async (_, change) => {
    const { world, ask, stored } = await open();
    await createBatch(world, ask);

    expect(await createBatch(world, { ...ask, ...change })).toEqual({ kind: 'mismatch' });
    expect(await stored()).toHaveLength(1);
  });

  it('is another one without a key, under another key, and a day later', async () => {
    const { world, ask, stored } = await open();
    await createBatch(world, ask);
    await createBatch(world, { ...ask, idempotencyKey: null });
    await createBatch(world, { ...ask, idempotencyKey: 'k-2' });
    await world.clock.advance(apiLimits.idempotencyKeptMs + 1_000);
    await createBatch(world, ask);

    expect(await stored()).toHaveLength(4);
  });

  it('leaves no key used where it is refused', async () => {
    const { world, ask } = await open();
    for (let count = 0; count < batchRunLimits.openBatchesMax; count += 1)
      await createBatch(world, { ...ask, idempotencyKey: null });

    expect((await createBatch(world, ask)).kind).toBe('full');

    expect((await createBatch(world, { ...ask, metadata: {} })).kind).toBe('full');
  });
});
