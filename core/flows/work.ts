/**
 * A worker's life: receive tickets, claim late, run, and account for the tickets.
 *
 * The card must not wait for the table: the next batch is claimed shortly before the one that runs is expected to end
 * (`lane.ts`), and the jobs of a batch are ended while the next one runs. What was claimed ahead goes back to the line when
 * the runner does not come free soon, or the worker is told to stop.
 *
 * From its claim to its end the tickets of a batch are kept hidden; they are deleted once it ended, so a worker that
 * dies leaves them to come back. Never are more tickets deleted than jobs ended, except tickets that found nothing to
 * do and nobody at work: those are spare.
 */
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { ticketLimits, workerLimits } from '../limits.ts';
import type { HeldTicket } from '../ports/tickets.ts';
import { isHeldBack } from '../scaling/pool-orders.ts';
import { announceStarts } from './announce.ts';
import { noteStarts, noteWake } from './calibrate.ts';
import type { ClaimPorts } from './claim.ts';
import { attemptName, claimBatch } from './claim.ts';
import type { Lane, LaneAsk } from './lane.ts';
import { createLane } from './lane.ts';
import type { Batch, RunPorts, RunWatch } from './run.ts';
import { takeBatch } from './run.ts';

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
  /** Told `true` with the first batch in hand and `false` once the last has ended: whether stopping it costs work. */
  readonly onBusy?: (isBusy: boolean) => void;
}

/** Wait after a call that failed: what it asked is out of reach, and asking faster would not bring it back. */
const failedMs = 1_000;

/** What a worker has in hand. */
interface Bench {
  readonly lane: Lane;
  /** Batches from their claim to their last write. */
  readonly batches: Set<Promise<void>>;
  /** Of those batches: see `WorkerView.inHand`. */
  readonly attempts: Set<string>;
}

/** Returns after `stopping`, when the batch under way has ended or, after `interrupt`, went back to the line. */
export async function work(ports: WorkPorts, ask: WorkAsk): Promise<void> {
  await light(ports, ask.pool);
  const bench: Bench = { lane: createLane(ports.clock), batches: new Set(), attempts: new Set() };
  let interactiveInARow = 0;
  while (!ask.stopping.aborted) {
    await bench.lane.nearFree(ask.stopping);
    if (bench.batches.size >= workerLimits.batchesMax) await Promise.race(bench.batches);
    const held = await receive(ports, ask);
    if (held.length > 0) interactiveInARow = await serve(ports, ask, bench, { held, interactiveInARow });
  }
  await Promise.all(bench.batches);
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
    await ports.clock.sleep(failedMs, ask.stopping);
    return [];
  }
}

/** Answers the tickets in hand; an error leaves them to come back, and the leases to run out. */
async function serve(
  ports: WorkPorts,
  ask: WorkAsk,
  bench: Bench,
  { held, interactiveInARow }: Pick<InHand, 'held'> & { readonly interactiveInARow: number },
): Promise<number> {
  try {
    // Waiting for tickets may take longer than the batch was expected to: others may have the time.
    if (ask.stopping.aborted || !bench.lane.isNearFree()) {
      await ports.tickets.hide(ask.pool, held, 0);
      return interactiveInARow;
    }
    if (await waitHeldBack(ports, ask, held)) return interactiveInARow;
    // Behind a batch that runs, mates have had that time to come.
    if (ask.slots > 1 && bench.lane.isFree())
      await ports.clock.sleep(workerLimits.batchWindowMs, ask.stopping);
    const worker = { ...ask, resident: ports.runner.resident(), interactiveInARow, inHand: bench.attempts };
    const claimed = await claimBatch(ports, worker, held);
    if (claimed.jobs.length === 0) await putAway(ports, ask, held);
    else await begin(ports, ask, bench, { held, jobs: claimed.jobs });
    return claimed.interactiveInARow;
  } catch (error) {
    await tellFailed(ports, ask, error);
    return interactiveInARow;
  }
}

async function tellFailed(ports: WorkPorts, ask: WorkAsk, error: unknown): Promise<void> {
  ports.log.error('batch.failed', { pool: ask.pool, workerId: ask.workerId, reason: String(error) });
  await ports.clock.sleep(failedMs, ask.stopping);
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

interface InHand {
  readonly held: readonly HeldTicket[];
  readonly jobs: readonly JobRecord[];
}

/** Resolves once the batch has the runner, or never will; what is left of it goes on in `bench.batches`. */
async function begin(ports: WorkPorts, ask: WorkAsk, bench: Bench, { held, jobs }: InHand): Promise<void> {
  const spare = held.slice(jobs.length);
  if (spare.length > 0) await ports.tickets.hide(ask.pool, spare, 0);

  const attempts = jobs.map(attemptName);
  const begun = Promise.withResolvers<void>();
  const inHand = { held: held.slice(0, jobs.length), jobs };
  const batch = carry(ports, ask, inHand, { lane: bench.lane, onBegun: begun.resolve })
    .catch((error: unknown) => tellFailed(ports, ask, error))
    .finally(() => {
      bench.batches.delete(batch);
      for (const attempt of attempts) bench.attempts.delete(attempt);
      if (bench.batches.size === 0) ask.onBusy?.(false);
      begun.resolve();
    });
  if (bench.batches.size === 0) ask.onBusy?.(true);
  bench.batches.add(batch);
  for (const attempt of attempts) bench.attempts.add(attempt);
  await begun.promise;
}

/** One batch from its claim to its last write. */
async function carry(
  ports: WorkPorts,
  ask: WorkAsk,
  { held, jobs }: InHand,
  { lane, onBegun }: { readonly lane: Lane; readonly onBegun: () => void },
): Promise<void> {
  const ended = new AbortController();
  const holding = hold(ports, ask.pool, held, ended.signal);
  const noted = Promise.all([noteStarts(ports, ask.pool, jobs), announceStarts(ports, jobs)]);
  try {
    const batch = await takeBatch(ports, { ...ask, jobs });
    const isFree = await lane.freeSoon();
    if (isFree && !ask.stopping.aborted && batch.jobs.length > 0) {
      const running = lane.enter(laneAskOf(batch.jobs), (watch) => runPaced(ports, ask, batch, watch));
      onBegun();
      await running;
    }
    await batch.end();
  } finally {
    ended.abort();
    await Promise.all([holding, noted]);
  }
  await ports.tickets.delete(ask.pool, held);
}

function laneAskOf(jobs: readonly JobRecord[]): LaneAsk {
  const predictedMs = jobs.reduce((sum, { predictedGpuMs }) => sum + predictedGpuMs, 0);
  return { model: jobs[0]?.model ?? '', predictedMs };
}

/** A runner that cannot even be asked keeps the lane a while: claims that follow at once would spend every attempt. */
async function runPaced(ports: WorkPorts, ask: WorkAsk, batch: Batch, watch: RunWatch): Promise<void> {
  try {
    await batch.run(watch);
  } catch (error) {
    await ports.clock.sleep(failedMs, ask.stopping);
    throw error;
  }
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
