import { presentBatch } from '#core/api/batch-resource.ts';
import { AppError } from '#core/errors.ts';
import { createBatch as create } from '#core/flows/batches.ts';
import type { RouteHandler } from '../route-handler.ts';

export const createBatch: RouteHandler<'createBatch'> = async (deps, call) => {
  const { caller, body, headers, traceparent } = call;
  const { tenant, key } = caller;
  const { input_file_id: inputFileId, endpoint, metadata } = body;
  const outcome = await create(deps, {
    ...{ tenant, key, inputFileId, endpoint, metadata: metadata ?? {} },
    idempotencyKey: headers['idempotency-key'] ?? null,
    traceparent,
  });
  switch (outcome.kind) {
    case 'created':
      return { status: 200, body: presentBatch(outcome.batch) };
    case 'replayed':
      return {
        status: 200,
        headers: { 'idempotency-replayed': 'true' },
        body: presentBatch(outcome.batch),
      };
    case 'mismatch':
      throw new AppError('idempotency_mismatch', { param: 'idempotency-key' });
    case 'no_file':
      throw new AppError('not_found', {
        param: 'input_file_id',
        publicMessage: 'There is no such file of the purpose batch.',
      });
    case 'full':
      throw new AppError('concurrency_limit', {
        publicMessage: `The tenant has ${outcome.max} batches that have not ended, as many as it may.`,
      });
  }
};
