import { presentBatch } from '#core/api/batch-resource.ts';
import { AppError } from '#core/errors.ts';
import { cancelBatch as cancel } from '#core/flows/batches.ts';
import { knownBatch } from '../files.ts';
import type { RouteHandler } from '../route-handler.ts';

export const cancelBatch: RouteHandler<'cancelBatch'> = async (deps, { caller, params }) => {
  const { tenantId } = caller.tenant;
  const { batchId } = await knownBatch(deps, tenantId, params.id);
  const outcome = await cancel(deps, tenantId, batchId);
  switch (outcome.kind) {
    case 'found':
      return { status: 200, body: presentBatch(outcome.batch) };
    case 'missing':
      throw new AppError('not_found');
    case 'too_late':
      throw new AppError('conflict', {
        publicMessage: `The batch is ${outcome.batch.status}: there is nothing left to cancel.`,
      });
    case 'busy':
      throw new AppError('unavailable', { retryAfterSeconds: 1 });
  }
};
