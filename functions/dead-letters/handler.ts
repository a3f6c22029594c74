/**
 * Answers tickets that their queues put aside. What could not be answered stays in the queue and comes back; a message
 * that is no ticket names no job, so nothing is lost with it: the sweep counts tickets against jobs.
 */
import type { SQSBatchResponse } from 'aws-lambda';
import * as z from 'zod';
import { readTicketBody } from '#aws/sqs-tickets.ts';
import type { DeadTicketPorts } from '#core/flows/dead-ticket.ts';
import { answerDeadTicket } from '#core/flows/dead-ticket.ts';

const eventSchema = z.object({
  Records: z.array(z.object({ messageId: z.string(), body: z.string() })),
});

type Message = z.infer<typeof eventSchema>['Records'][number];

/** Answers with the messages that failed, as SQS wants them. @throws ZodError for an event that is none of SQS */
export function createDeadLettersHandler(
  ports: DeadTicketPorts,
): (event: unknown) => Promise<SQSBatchResponse> {
  return async (event) => {
    const { Records } = eventSchema.parse(event);
    const failed = await Promise.all(Records.map((message) => answer(ports, message)));
    return { batchItemFailures: failed.flat().map((itemIdentifier) => ({ itemIdentifier })) };
  };
}

async function answer(ports: DeadTicketPorts, { messageId, body }: Message): Promise<string[]> {
  const { log } = ports;
  const ticket = readTicketBody(body);
  if (ticket === null) {
    log.error('dead_letter.unreadable', { messageId });
    return [];
  }
  try {
    log.warn('dead_letter.answered', { ...ticket, outcome: await answerDeadTicket(ports, ticket) });
    return [];
  } catch (error) {
    log.error('dead_letter.failed', { ...ticket, reason: String(error) });
    return [messageId];
  }
}
