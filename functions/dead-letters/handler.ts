/**
 * Answers tickets that their queues put aside. What could not be answered stays in the queue and comes back; a message
 * that is no ticket names no job, so nothing is lost with it: the sweep counts tickets against jobs.
 */
import type { SQSBatchResponse } from 'aws-lambda';
import * as z from 'zod';
import { readTicketBody } from '#aws/sqs-tickets.ts';
import type { DeadTicketPorts } from '#core/flows/dead-ticket.ts';
import { answerDeadTicket } from '#core/flows/dead-ticket.ts';
import type { Metrics } from '#core/observability/metrics.ts';

const eventSchema = z.object({
  Records: z.array(z.object({ messageId: z.string(), body: z.string() })),
});

type Message = z.infer<typeof eventSchema>['Records'][number];

export interface DeadLettersDeps extends DeadTicketPorts {
  readonly metrics: Metrics;
}

/** Answers with the messages that failed, as SQS wants them. @throws ZodError for an event that is none of SQS */
export function createDeadLettersHandler(
  ports: DeadLettersDeps,
): (event: unknown) => Promise<SQSBatchResponse> {
  return async (event) => {
    const { Records } = eventSchema.parse(event);
    const failed = await Promise.all(Records.map((message) => answer(ports, message)));
    return { batchItemFailures: failed.flat().map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

async function answer(ports: DeadLettersDeps, { messageId, body }: Message): Promise<string[]> {
  const { log, metrics } = ports;
  const ticket = readTicketBody(body);
  if (ticket === null) {
    log.error('dead_letter.unreadable', { messageId });
    metrics.tell('dead_ticket.told', { dead_tickets: 1 }, { outcome: 'unreadable' });
    return [];
  }
  try {
    const outcome = await answerDeadTicket(ports, ticket);
    log.warn('dead_letter.answered', { ...ticket, outcome });
    metrics.tell('dead_ticket.told', { dead_tickets: 1 }, { outcome });
    return [];
  } catch (error) {
    log.error('dead_letter.failed', { ...ticket, reason: String(error) });
    metrics.tell('dead_ticket.told', { dead_tickets: 1 }, { outcome: 'failed' });
    return [messageId];
  }
}
