/**
 * Delivers what is due and ends as soon as nothing is: run every minute, and whenever something was put. A try that is
 * under way when the time is up is waited for, so its outcome is recorded; the next run goes on with the rest.
 */
import type { Context } from 'aws-lambda';
import type { DeliverPorts } from '#core/flows/deliver.ts';
import { deliverDue } from '#core/flows/deliver.ts';
import { webhookLimits } from '#core/limits.ts';

/** For the two writes after a receiver took all of its time. */
const recordMs = 10_000;

/** What a run needs at its end for the tries that are under way. */
export const lastTryMs = webhookLimits.timeoutMs + recordMs;

export function createWebhooksHandler(
  ports: DeliverPorts,
): (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<void> {
  return async (_event, context) => {
    const leftMs = Math.max(0, context.getRemainingTimeInMillis() - lastTryMs);
    await deliverDue(ports, AbortSignal.timeout(leftMs));
  };
}
