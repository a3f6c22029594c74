/**
 * Works at batches and ends as soon as there is none: run every minute. What is under way when the time is up is ended, and the
 * next run goes on from there.
 */
import type { Context } from 'aws-lambda';
import type { BatchPorts } from '#core/flows/batch-ports.ts';
import { runBatchesUntil } from '#core/flows/run-batches.ts';

/** For the step that each batch is at: the pictures of a line, a file of results and two writes. */
export const lastStepMs = 30_000;

export function createBatchesHandler(
  ports: BatchPorts,
): (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<void> {
  return async (_event, context) => {
    const leftMs = Math.max(0, context.getRemainingTimeInMillis() - lastStepMs);
    await runBatchesUntil(ports, AbortSignal.timeout(leftMs), { endsIdle: true });
  };
}
