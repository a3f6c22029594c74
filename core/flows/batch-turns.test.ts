import { describe, expect, it } from 'vitest';
import { newBatch } from '../batch/batch.ts';
import { batchRunLimits } from '../limits.ts';
import { sampleBatch } from '../samples.ts';
import { createBatchTurns } from './batch-turns.ts';

const batchOf = (tenantId: string, number: number) =>
  newBatch({ ...sampleBatch(), tenantId, batchId: `${tenantId}${number}` }, number);

const batchesOf = (tenantId: string, count: number) =>
  Array.from({ length: count }, (_, index) => batchOf(tenantId, index + 1));

/** All that may begin now. */
function begun(turns: ReturnType<typeof createBatchTurns>): string[] {
  const ids: string[] = [];
  for (let next = turns.begin(); next !== null; next = turns.begin()) ids.push(next.batchId);
  return ids;
}

describe('turns of batches', () => {
  it('leave places to others, however many batches a tenant has', () => {
    const turns = createBatchTurns();
    turns.look(batchesOf('a', 20));

    expect(begun(turns)).toEqual(['a1', 'a2']);
    turns.look([...batchesOf('a', 20), ...batchesOf('b', 1)]);
    expect(begun(turns)).toEqual(['b1']);
  });

  it('go to the tenant whose last one is longest ago, and there to the batch', () => {
    const turns = createBatchTurns();
    const batches = [...batchesOf('a', 3), ...batchesOf('b', 3), ...batchesOf('c', 1)];
    turns.look(batches);
    expect(begun(turns)).toEqual(['a1', 'b1', 'c1', 'a2']);

    turns.end(batchOf('a', 1));
    turns.look(batches);
    expect(begun(turns)).toEqual(['b2']);
    turns.end(batchOf('c', 1));
    turns.look(batches);
    expect(begun(turns)).toEqual(['c1']);
    turns.end(batchOf('a', 2));
    turns.look(batches);
    expect(begun(turns)).toEqual(['a3']);
  });

  it('are one of each batch a look, and none of one that has its turn', () => {
    const turns = createBatchTurns();
    turns.look(batchesOf('a', 1));
    expect(begun(turns)).toEqual(['a1']);

    turns.look(batchesOf('a', 1));
    expect(begun(turns)).toEqual([]);
    turns.end(batchOf('a', 1));
    expect(begun(turns)).toEqual([]);
    turns.look(batchesOf('a', 1));
    expect(begun(turns)).toEqual(['a1']);
  });

  it('are no more at a time than there are places', () => {
    const turns = createBatchTurns();
    turns.look(['a', 'b', 'c', 'd', 'e'].flatMap((tenantId) => batchesOf(tenantId, 3)));

    expect(begun(turns)).toHaveLength(batchRunLimits.parallelMax);
  });
});
