/**
 * Tickets on one standard SQS queue a pool. The tenant is the message group: on a standard queue that makes delivery
 * fair between tenants and orders nothing. SQS counts time in whole seconds, so waits and hides are rounded up.
 */
import type { BatchResultErrorEntry, Message } from '@aws-sdk/client-sqs';
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { AppError } from '#core/errors.ts';
import { ticketLimits } from '#core/limits.ts';
import type { Log } from '#core/ports/process.ts';
import type { HeldTicket, Tickets } from '#core/ports/tickets.ts';
import { tenantIdSchema } from '#core/tenancy/tenant.ts';
import { isIdForm } from './keys.ts';

/** Ids of the form that a key takes: with any other, what reads the job would fail instead of finding none. */
const bodySchema = z.object({
  tenantId: tenantIdSchema,
  jobId: z.string().refine(isIdForm, 'is no id'),
});
const deliveriesSchema = z.coerce.number().int().positive();
const countSchema = z.coerce.number().int().nonnegative().default(0);

/** SQS takes ten entries a batch. */
const batchMax = 10;
/** SQS's own maximum for hiding a message. */
const hideSecondsMax = 12 * 60 * 60;

export interface SqsTicketsOptions {
  readonly queues: SQSClient;
  /** Queue address by pool. */
  readonly queueUrls: Readonly<Record<string, string>>;
  readonly log: Log;
}

export function createSqsTickets({ queues, queueUrls, log }: SqsTicketsOptions): Tickets {
  function queueOf(pool: string): string {
    const url = queueUrls[pool];
    if (url === undefined) throw new AppError('internal', { privateDetail: `pool ${pool} has no queue` });
    return url;
  }

  async function remove(pool: string, receipts: readonly string[]): Promise<void> {
    const QueueUrl = queueOf(pool);
    const left = await inBatches(receipts, async (Entries) => {
      const answer = await queues.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      return answer.Failed;
    });
    // Not an exception: the ticket comes back by itself and finds its job done.
    if (left > 0) log.warn('tickets_not_deleted', { pool, count: left });
  }

  return {
    async send({ pool, tenantId, jobId }) {
      await queues.send(
        new SendMessageCommand({
          QueueUrl: queueOf(pool),
          MessageBody: JSON.stringify({ tenantId, jobId }),
          MessageGroupId: tenantId,
        }),
      );
    },

    async receive(pool, max, waitMs, signal) {
      if (signal?.aborted === true || max < 1) return [];
      const messages = await receiveMessages(queues, queueOf(pool), max, waitMs, signal);
      const held = messages.map((message) => readTicket(pool, message));
      const unreadable = messages.filter((_, index) => held[index] === null);
      for (const { MessageId } of unreadable) log.warn('ticket_unreadable', { pool, messageId: MessageId });
      await remove(
        pool,
        unreadable.flatMap(({ ReceiptHandle }) => ReceiptHandle ?? []),
      );
      return held.filter((ticket) => ticket !== null);
    },

    delete: (pool, held) =>
      remove(
        pool,
        held.map((ticket) => ticket.receipt),
      ),

    async hide(pool, held, ms) {
      const QueueUrl = queueOf(pool);
      const VisibilityTimeout = Math.min(hideSecondsMax, Math.ceil(ms / 1000));
      const receipts = held.map((ticket) => ticket.receipt);
      const left = await inBatches(receipts, async (entries) => {
        const Entries = entries.map((entry) => ({ ...entry, VisibilityTimeout }));
        const answer = await queues.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
        return answer.Failed;
      });
      if (left > 0) log.warn('tickets_not_hidden', { pool, count: left });
    },

    depth: (pool) => depth(queues, queueOf(pool)),
  };
}

/** What the body of a ticket names; null for a foreign message. */
export function readTicketBody(text: string): Pick<HeldTicket, 'tenantId' | 'jobId'> | null {
  return bodySchema.safeParse(jsonOf(text)).data ?? null;
}

interface BatchEntry {
  readonly Id: string;
  readonly ReceiptHandle: string;
}

/** Runs a batch call in tens; what SQS failed for a fault of its own gets one more try. Answers how many are left. */
async function inBatches(
  receipts: readonly string[],
  send: (entries: BatchEntry[]) => Promise<BatchResultErrorEntry[] | undefined>,
): Promise<number> {
  let left = 0;
  for (let from = 0; from < receipts.length; from += batchMax) {
    const batch = receipts.slice(from, from + batchMax);
    let entries = batch.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
    for (let tries = 0; tries < 2 && entries.length > 0; tries += 1) {
      const failed = (await send(entries)) ?? [];
      // A sender's fault is a ticket that is gone or no longer held: nothing is left to do for it.
      const again = new Set(failed.filter((each) => each.SenderFault !== true).map((each) => each.Id));
      entries = entries.filter((entry) => again.has(entry.Id));
    }
    left += entries.length;
  }
  return left;
}

/** The ticket in a message, or null when it is not one of ours. Never throws. */
export function readTicket(pool: string, message: Message): HeldTicket | null {
  const body = readTicketBody(message.Body ?? '');
  const deliveries = deliveriesSchema.safeParse(message.Attributes?.ApproximateReceiveCount);
  if (body === null || !deliveries.success || message.ReceiptHandle === undefined) return null;
  return { pool, ...body, receipt: message.ReceiptHandle, deliveries: deliveries.data };
}

async function depth(queues: SQSClient, QueueUrl: string): Promise<{ visible: number; hidden: number }> {
  const { Attributes } = await queues.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return {
    visible: countSchema.parse(Attributes?.ApproximateNumberOfMessages),
    hidden: countSchema.parse(Attributes?.ApproximateNumberOfMessagesNotVisible),
  };
}

async function receiveMessages(
  queues: SQSClient,
  QueueUrl: string,
  max: number,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<Message[]> {
  try {
    const { Messages } = await queues.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(max, ticketLimits.receiveMax),
        WaitTimeSeconds: Math.ceil(Math.min(waitMs, ticketLimits.longPollMs) / 1000),
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    return Messages ?? [];
  } catch (error) {
    // Whatever the SDK makes of an abort: the caller asked for the end and gets it.
    if (signal?.aborted === true) return [];
    throw error;
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    // Not JSON: the schema refuses it like any other foreign message.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
