/**
 * A ticket that was handed out so often that the queue put it aside. Nobody's fault, and no reason to end its job: what a
 * job may cost in tries is counted by its attempts. So a ticket whose job is open goes back to the line's queue, and one whose
 * job is over is spare; the job is settled, in case whoever ended it died over that.
 *
 * Safe to do twice: a spare ticket more is deleted by whoever finds the line empty, and a job settles once.
 */
import { isTerminal } from '../job/job.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Log } from '../ports/process.ts';
import type { Ticket, Tickets } from '../ports/tickets.ts';
import type { SettlePorts } from './settle.ts';
import { settle } from './settle.ts';

export interface DeadTicketPorts extends SettlePorts {
  readonly jobs: Jobs;
  readonly log: Log;
  readonly tickets: Pick<Tickets, 'send'>;
}

/** `spare`: there is no such job, any more or yet; one that is yet to come gets a ticket with its creation. */
export type DeadTicketOutcome = 'sent_again' | 'settled' | 'spare';

export async function answerDeadTicket(
  ports: DeadTicketPorts,
  { tenantId, jobId }: Pick<Ticket, 'tenantId' | 'jobId'>,
): Promise<DeadTicketOutcome> {
  const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
  if (job === null) return 'spare';
  if (isTerminal(job)) {
    await settle(ports, job);
    return 'settled';
  }
  await ports.tickets.send({ pool: job.pool, tenantId, jobId });
  return 'sent_again';
}
