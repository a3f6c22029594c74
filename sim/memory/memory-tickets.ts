/** `Tickets` in memory, as a standard SQS queue behaves with nothing lost: first sent, first handed out. */
import { ticketLimits } from '#core/limits.ts';
import type { Clock } from '#core/ports/process.ts';
import type { HeldTicket, Ticket, Tickets } from '#core/ports/tickets.ts';
import { copy } from './copy.ts';

interface Message {
  readonly ticket: Ticket;
  visibleAtMs: number;
  deliveries: number;
  /** Of the latest delivery: an older one no longer hides or deletes. */
  receipt: string;
}

interface Queue {
  messages: Message[];
  /** One per receive that waits: aborting it ends the wait. */
  readonly waiting: Set<AbortController>;
}

export function createMemoryTickets({ clock }: { clock: Clock }): Tickets {
  const queues = new Map<string, Queue>();
  let receipts = 0;

  function queueOf(pool: string): Queue {
    const queue = queues.get(pool) ?? { messages: [], waiting: new Set() };
    queues.set(pool, queue);
    return queue;
  }

  function takeVisible(queue: Queue, max: number): HeldTicket[] {
    const nowMs = clock.nowMs();
    const visible = queue.messages.filter((message) => message.visibleAtMs <= nowMs).slice(0, max);
    return visible.map((message) => {
      receipts += 1;
      message.receipt = `receipt-${receipts}`;
      message.deliveries += 1;
      message.visibleAtMs = nowMs + ticketLimits.visibilityMs;
      return { ...message.ticket, receipt: message.receipt, deliveries: message.deliveries };
    });
  }

  return {
    async send(ticket) {
      const queue = queueOf(ticket.pool);
      queue.messages.push({
        ticket: copy(ticket),
        visibleAtMs: clock.nowMs(),
        deliveries: 0,
        receipt: '',
      });
      wake(queue);
    },
    async receive(pool, max, waitMs, signal) {
      const queue = queueOf(pool);
      const endMs = clock.nowMs() + waitMs;
      for (;;) {
        if (signal?.aborted) return [];
        const held = takeVisible(queue, max);
        const nowMs = clock.nowMs();
        if (held.length > 0 || nowMs >= endMs) return held;
        const nextMs = Math.min(endMs, ...queue.messages.map((message) => message.visibleAtMs));
        await pause(clock, queue, nextMs - nowMs, signal);
      }
    },
    async delete(pool, held) {
      const queue = queueOf(pool);
      const receipts = new Set(held.map((ticket) => ticket.receipt));
      queue.messages = queue.messages.filter((message) => !receipts.has(message.receipt));
    },
    async hide(pool, held, ms) {
      const queue = queueOf(pool);
      const receipts = new Set(held.map((ticket) => ticket.receipt));
      for (const message of queue.messages) {
        if (receipts.has(message.receipt)) message.visibleAtMs = clock.nowMs() + ms;
      }
      wake(queue);
    },
    async depth(pool) {
      const { messages } = queueOf(pool);
      const visible = messages.filter((message) => message.visibleAtMs <= clock.nowMs()).length;
      return { visible, hidden: messages.length - visible };
    },
  };
}

/** Waits until the queue changes, `ms` are over, or `signal` aborts. */
async function pause(clock: Clock, queue: Queue, ms: number, signal?: AbortSignal): Promise<void> {
  const change = new AbortController();
  const stop = () => change.abort();
  queue.waiting.add(change);
  signal?.addEventListener('abort', stop, { once: true });
  await clock.sleep(ms, change.signal);
  signal?.removeEventListener('abort', stop);
  queue.waiting.delete(change);
}

function wake(queue: Queue): void {
  for (const change of queue.waiting) change.abort();
}
