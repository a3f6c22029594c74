/**
 * Works at batches as long as the platform runs: what a function does on AWS every minute. Here a look every other second,
 * at an index partition that is empty while there is none.
 */
import type { BatchPorts } from '#core/flows/batch-ports.ts';
import { createOutlooks } from '#core/flows/outlooks.ts';
import { runBatchesUntil } from '#core/flows/run-batches.ts';

export interface BatchRunner {
  /** Ends the step that each batch is at; the next start goes on from there. */
  stop(): Promise<void>;
}

export function startBatches(
  ports: Omit<BatchPorts, 'outlooks'> & Parameters<typeof createOutlooks>[0],
): BatchRunner {
  const stopping = new AbortController();
  const running = runBatchesUntil({ ...ports, outlooks: createOutlooks(ports) }, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
