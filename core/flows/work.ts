/**
 * A worker's life: receive tickets, claim late, run, and account for the tickets.
 *
 * While a batch runs, its tickets stay hidden and are kept so; they are deleted once the batch ended, so a worker that
 * dies leaves them to come back. Never are more tickets deleted than jobs ended, except tickets that found nothing to
 * do and nobody at work: those are spare.
 */
import { isTerminal } from '../job/job.ts';
import { ticketLimits, workerLimits } from '../limits.ts';
import type { HeldTicket } from '../ports.ts';
import { isHeldBack } from '../scaling/pool-orders.ts';
import { announceStarts } from './announce.ts';
import { noteStarts, noteWake } from './calibrate.ts';
import type { Claimed, ClaimPorts } from './claim.ts';
import { claimBatch } from './claim.ts';
import type { RunPorts } from './run.ts';
import { runBatch } from './run.ts';

export type WorkPorts = ClaimPorts & RunPorts;

export interface WorkAsk {
  readonly workerId: string;
  readonly pool: string;
  /** Jobs that fit one call of this pool's models: the most tickets the worker holds. */
  readonly slots: number;
  /**
   * Memory of the worker's card.
   * @default no bound is known
   */
  readonly gpuMemoryMb?: number | undefined;
  /** Aborts when no further batch may start. */
  readonly stopping: AbortSignal;
  /** Aborts when the batch under way must go back to the line. */
  readonly interrupt: AbortSignal;
}

/** Wait after a receive that failed: SQS is out of reach, and asking faster would not bring it back. */
const receiveFailedMs = 1_000;

/** Returns after `stopping`, when the batch under way has ended or, after `interrupt`, went back to the line. */
export async function work(ports: WorkPorts, ask: WorkAsk): Promise<void> {
  await light(ports, ask.pool);
  let interactiveInARow = 0;
  while (!ask.stopping.aborted) {
    const held = await receive(ports, ask);
    if (held.length === 0) continue;
    if (ask.stopping.aborted) {
      await ports.tickets.hide(ask.pool, held, 0);
      return;
    }
    interactiveInARow = await serve(ports, ask, held, interactiveInARow);
  }
}

/** The pool has a worker that serves; the one that makes it so knows how long that took. */
async function light(ports: WorkPorts, pool: string): Promise<void> {
  const before = await ports.pools.read(pool);
  const nowMs = ports.clock.nowMs();
  const moved = await ports.pools.move(pool, ['cold', 'waking'], 'warm', nowMs);
  if (moved === 'moved' && before.state === 'waking')
    await noteWake(ports, pool, Math.max(0, nowMs - before.stateSinceMs));
}

async function receive(ports: WorkPorts, ask: WorkAsk): Promise<HeldTicket[]> {
  const max = Math.min(ask.slots, ticketLimits.receiveMax);
  try {
    return await ports.tickets.receive(ask.pool, max, ticketLimits.longPollMs, ask.stopping);
  } catch (error) {
    ports.log.warn('tickets.receive_failed', { pool: ask.pool, reason: String(error) });
    await ports.clock.sleep(receiveFailedMs, ask.stopping);
    return [];
  }
}

/** Answers the tickets in hand; an error leaves them to come back, and the leases to run out. */
async function serve(
  ports: WorkPorts,
  ask: WorkAsk,
  held: readonly HeldTicket[],
  interactiveInARow: number,
): Promise<number> {
  try {
    if (await waitHeldBack(ports, ask, held)) return interactiveInARow;
    if (ask.slots > 1) await ports.clock.sleep(workerLimits.batchWindowMs, ask.stopping);
    const worker = { ...ask, resident: ports.runner.resident(), interactiveInARow };
    const claimed = await claimBatch(ports, worker, held);
    if (claimed.jobs.length === 0) await putAway(ports, ask, held);
    else await runHolding(ports, ask, held, claimed);
    return claimed.interactiveInARow;
  } catch (error) {
    ports.log.error('batch.failed', { pool: ask.pool, workerId: ask.workerId, reason: String(error) });
    await ports.clock.sleep(receiveFailedMs, ask.stopping);
    return interactiveInARow;
  }
}

/**
 * While the operator holds the pool back, the tickets in hand go back and none is asked for: those that came and went
 * instead would be worn out by their deliveries. True once that is over, when there is nothing in hand to serve.
 */
async function waitHeldBack(ports: WorkPorts, ask: WorkAsk, held: readonly HeldTicket[]): Promise<boolean> {
  if (!isHeldBack((await ports.pools.read(ask.pool)).orders)) return false;
  await ports.tickets.hide(ask.pool, held, 0);
  do {
    await ports.clock.sleep(workerLimits.heldBackLookMs, ask.stopping);
  } while (!ask.stopping.aborted && isHeldBack((await ports.pools.read(ask.pool)).orders));
  return true;
}

async function runHolding(
  ports: WorkPorts,
  ask: WorkAsk,
  held: readonly HeldTicket[],
  { jobs }: Claimed,
): Promise<void> {
  const own = held.slice(0, jobs.length);
  const spare = held.slice(jobs.length);
  if (spare.length > 0) await ports.tickets.hide(ask.pool, spare, 0);

  const ended = new AbortController();
  const holding = hold(ports, ask.pool, own, ended.signal);
  const noted = Promise.all([noteStarts(ports, ask.pool, jobs), announceStarts(ports, jobs)]);
  try {
    await runBatch(ports, { ...ask, jobs });
  } finally {
    ended.abort();
    await Promise.all([holding, noted]);
  }
  await ports.tickets.delete(ask.pool, own);
}

/** Keeps the tickets hidden for as long as the batch runs. */
async function hold(
  ports: WorkPorts,
  pool: string,
  held: readonly HeldTicket[],
  ended: AbortSignal,
): Promise<void> {
  for (;;) {
    await ports.clock.sleep(ticketLimits.visibilityMs / 2, ended);
    if (ended.aborted) return;
    try {
      await ports.tickets.hide(pool, held, ticketLimits.visibilityMs);
    } catch (error) {
      // The ticket then shows early: a worker finds the lease alive and puts it away again.
      ports.log.warn('tickets.hide_failed', { pool, reason: String(error) });
    }
  }
}

/** Tickets that found nothing to claim: back for a moment while anybody is at work, else deleted. */
async function putAway(ports: WorkPorts, ask: WorkAsk, held: readonly HeldTicket[]): Promise<void> {
  const { leased, waiting } = await ports.jobs.count(ask.pool);
  const needed: HeldTicket[] = [];
  const spare: HeldTicket[] = [];
  for (const ticket of held) {
    const job = await ports.jobs.get(ticket.tenantId, ticket.jobId, { consistent: true });
    const isNeeded = leased + waiting > 0 || (job !== null && !isTerminal(job));
    (isNeeded ? needed : spare).push(ticket);
  }
  if (needed.length > 0) await ports.tickets.hide(ask.pool, needed, ticketLimits.returnMs);
  if (spare.length > 0) await ports.tickets.delete(ask.pool, spare);
}
