/**
 * What a queue put aside, and the process that answers it as the function behind the dead-letter queues does: told again until
 * it has answered. The check knows the promise and nothing of the code: a ticket of an open job is back in its line, and a job
 * that had ended is settled.
 */
import { answerDeadTicket } from '#core/flows/dead-ticket.ts';
import type { Ticket } from '#core/ports/tickets.ts';
import { violate } from './history.ts';
import type { Loop } from './loop.ts';
import type { Ground, Running } from './world.ts';

/** From the queue to the function. */
const handedOverMs = 500;
/** What was not answered comes back after so long: six times the function's own time would only make worlds longer. */
const againMs = 30_000;

export interface DeadLetters {
  put(ticket: Ticket): void;
  /** Letters that nobody has answered yet. */
  open(): number;
  /** To be called once, by whoever answers; resolves to whether it did. */
  onLetter(answer: (ticket: Ticket) => Promise<boolean>): void;
}

export function createDeadLetters({ clock }: Pick<Loop, 'clock'>): DeadLetters {
  let open = 0;
  let answer: (ticket: Ticket) => Promise<boolean> = async () => false;

  async function tellUntilAnswered(ticket: Ticket): Promise<void> {
    open += 1;
    await clock.sleep(handedOverMs);
    while (!(await answer(ticket))) await clock.sleep(againMs);
    open -= 1;
  }

  return {
    put: (ticket) => void tellUntilAnswered(ticket),
    open: () => open,
    onLetter(given) {
      answer = given;
    },
  };
}

export function startDeadLetters(ground: Ground, place: () => Running): void {
  ground.deadLetters.onLetter((ticket) => answerOne(ground, place(), ticket));
}

async function answerOne(ground: Ground, { process, ports }: Running, ticket: Ticket): Promise<boolean> {
  const { history, log, stores } = ground;
  const { tenantId, jobId } = ticket;
  const before = history.stored.get(jobId);
  let wasSent = false;
  const tickets = {
    async send(sent: Ticket): Promise<void> {
      await ports.tickets.send(sent);
      if (sent.jobId === jobId && sent.pool === ticket.pool) wasSent = true;
    },
  };
  const served = await process.serve(() => answerDeadTicket({ ...ports, tickets, log }, ticket));
  if (served.kind !== 'answered' || before === undefined) return served.kind === 'answered';
  const isOpen = history.stored.get(jobId)?.place.kind !== 'done';
  if (isOpen && !wasSent)
    violate(history, 'I10', `the ticket of ${jobId}, which is open, was put aside for good`);
  const reservation = (await stores.gates.read(tenantId))?.open[jobId];
  if (before.place.kind === 'done' && reservation === before.reservation)
    violate(history, 'I4', `${jobId} had ended as its ticket was put aside, and is not settled`);
  return true;
}
