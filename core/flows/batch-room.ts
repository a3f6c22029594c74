import { isEnded } from '../batch/batch.ts';
import { batchRunLimits } from '../limits.ts';
import type { Batches } from '../ports/batches.ts';

/** Far more than may be at work: one that is older has ended, as its window has. */
const batchesLooked = 100;

/** Whether the tenant may have one more at work. */
export async function hasRoomForBatch(
  { batches }: { readonly batches: Pick<Batches, 'list'> },
  tenantId: string,
): Promise<boolean> {
  const newest = await batches.list(tenantId, { limit: batchesLooked });
  return newest.items.filter((batch) => !isEnded(batch)).length < batchRunLimits.openBatchesMax;
}
