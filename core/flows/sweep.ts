/**
 * The minute tick that repairs what a crash left half done. Every step is one that some flow would have done; doing
 * it twice changes nothing, so any number of sweeps may run at once.
 *
 * - jobs past their deadline to start expire;
 * - leases that were taken under a clock that ran ahead are shortened;
 * - tickets are topped up to the jobs that are not terminal, so every job is found again;
 * - reservations of terminal jobs settle, and results worth keeping are kept; those of no job are released, and refunds
 *   and warm-ups under way are finished, and so are counts of files that come or go;
 * - adapters that were not counted are, and those of deleted tenants go.
 */
import { jobOfRefundNote } from '../admission/refund-note.ts';
import { readToken, trueUp } from '../admission/reservation.ts';
import { isStoredNote } from '../admission/stored-note.ts';
import { poolOfWarmupNote } from '../admission/warmup-note.ts';
import type { LineEntry } from '../job/job.ts';
import { isTerminal, jobClasses } from '../job/job.ts';
import { expire, isOverdue, shortenLease } from '../job/transitions.ts';
import { sweepLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Files } from '../ports/batches.ts';
import type { Pools, Scaler } from '../ports/pools.ts';
import type { Clock } from '../ports/process.ts';
import type { ApplyPorts } from './apply.ts';
import { applyTransition } from './apply.ts';
import { finishCount } from './finish-count.ts';
import { finishWarmUp } from './finish-warm-up.ts';
import { knownPools } from './known-pools.ts';
import { finishRefund } from './refund.ts';
import { remember } from './result-cache.ts';
import { settle } from './settle.ts';
import type { SweepAdaptersPorts } from './sweep-adapters.ts';
import { sweepAdapters } from './sweep-adapters.ts';

export interface SweepPorts extends ApplyPorts {
  readonly adapters: SweepAdaptersPorts['adapters'];
  readonly adapterFiles: SweepAdaptersPorts['adapterFiles'];
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly files: Pick<Files, 'remove'>;
  readonly pools: Pick<Pools, 'listOwn' | 'move' | 'order'>;
  readonly scaler: Scaler;
  readonly tenants: SweepAdaptersPorts['tenants'];
}

export interface SweepReport {
  readonly expired: number;
  readonly ticketsSent: number;
  readonly settled: number;
  readonly released: number;
}

export async function sweep(ports: SweepPorts): Promise<SweepReport> {
  let expired = 0;
  let ticketsSent = 0;
  for (const pool of await knownPools(ports)) {
    const waiting = await lineOf(ports, pool);
    expired += await expireOverdue(ports, waiting);
    ticketsSent += await topUpTickets(ports, pool, waiting);
  }
  const gates = await sweepGates(ports);
  await sweepAdapters(ports);
  return { expired, ticketsSent, ...gates };
}

async function lineOf(ports: SweepPorts, pool: string): Promise<LineEntry[]> {
  const lines = await Promise.all(
    jobClasses.map((jobClass) => ports.jobs.line(pool, jobClass, sweepLimits.entriesMax)),
  );
  return lines.flat();
}

async function expireOverdue(ports: SweepPorts, waiting: readonly LineEntry[]): Promise<number> {
  const nowMs = ports.clock.nowMs();
  let expired = 0;
  for (const entry of waiting.filter((each) => isOverdue(each, nowMs))) {
    if ((await applyTransition(ports, entry, expire(entry, nowMs))) !== null) expired += 1;
  }
  return expired;
}

/** Invariant after every sweep: tickets, visible and hidden, at least as many as jobs that are not terminal. */
async function topUpTickets(ports: SweepPorts, pool: string, waiting: readonly LineEntry[]): Promise<number> {
  const [count, depth] = await Promise.all([ports.jobs.count(pool), ports.tickets.depth(pool)]);
  const missing = count.waiting + count.leased - depth.visible - depth.hidden;
  if (missing <= 0) return 0;
  const lapsed = await ports.jobs.lapsed(pool, ports.clock.nowMs(), sweepLimits.entriesMax);
  const hints = [...lapsed, ...waiting].slice(0, missing);
  for (const { tenantId, jobId } of hints) await ports.tickets.send({ pool, tenantId, jobId });
  return hints.length;
}

async function sweepGates(ports: SweepPorts): Promise<Pick<SweepReport, 'settled' | 'released'>> {
  let settled = 0;
  let released = 0;
  let cursor: string | undefined;
  do {
    const page = await ports.gates.listOpen(cursor);
    for (const tenantId of page.items) {
      const done = await attemptGate(ports, tenantId);
      settled += done.settled;
      released += done.released;
    }
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return { settled, released };
}

/** One that cannot be swept, such as one that cannot be read, must not keep the others from it. */
async function attemptGate(ports: SweepPorts, tenantId: string): ReturnType<typeof sweepGate> {
  try {
    return await sweepGate(ports, tenantId);
  } catch (error) {
    ports.log.error('sweep.gate_failed', { tenantId, reason: String(error) });
    return { settled: 0, released: 0 };
  }
}

async function sweepGate(
  ports: SweepPorts,
  tenantId: string,
): Promise<Pick<SweepReport, 'settled' | 'released'>> {
  const done = { settled: 0, released: 0 };
  const gate = await ports.gates.read(tenantId);
  if (gate === null) return done;
  const nowMs = ports.clock.nowMs();
  const reservations = Object.entries(gate.open);
  for (const [jobId, token] of reservations) {
    const outcome = await attemptReservation(ports, { tenantId, jobId, token, nowMs });
    if (outcome !== 'open') done[outcome] += 1;
  }
  if (reservations.length === 0) await ports.gates.rest(tenantId, nowMs);
  return done;
}

/** As {@link attemptGate}: such as one of a record that cannot be read. */
async function attemptReservation(
  ports: SweepPorts,
  ask: Parameters<typeof sweepReservation>[1],
): ReturnType<typeof sweepReservation> {
  try {
    return await sweepReservation(ports, ask);
  } catch (error) {
    const { tenantId, jobId } = ask;
    ports.log.error('sweep.reservation_failed', { tenantId, jobId, reason: String(error) });
    return 'open';
  }
}

async function sweepReservation(
  ports: SweepPorts,
  { tenantId, jobId, token, nowMs }: { tenantId: string; jobId: string; token: string; nowMs: number },
): Promise<'open' | 'settled' | 'released'> {
  if (jobOfRefundNote(jobId) !== null) {
    await finishRefund(ports, tenantId, { name: jobId, text: token });
    return 'settled';
  }
  if (poolOfWarmupNote(jobId) !== null) {
    await finishWarmUp(ports, tenantId, { name: jobId, text: token });
    return 'settled';
  }
  if (isStoredNote(jobId)) {
    await finishCount(ports, tenantId, { name: jobId, text: token });
    return 'settled';
  }
  const reserved = readToken(token);
  // On both sides of now: a token from the future tells of a clock that jumped, and would hold its place that long.
  const ageMs = reserved === null ? sweepLimits.graceMs : Math.abs(nowMs - reserved.admittedAtMs);
  if (ageMs < sweepLimits.graceMs) return 'open';
  const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
  if (job !== null && job.reservation === token) {
    if (!isTerminal(job)) {
      const shorter = shortenLease(job, nowMs);
      if (shorter !== null) await applyTransition(ports, job, shorter);
      return 'open';
    }
    await settle(ports, job);
    await remember(ports, job);
    return 'settled';
  }
  // Admitted, then the submission died before it created the job, or met the job of an earlier retry. Or it is held up
  // and still means to: it must not create a job whose reservation is gone.
  if (job === null && (await ports.jobs.forbid(tenantId, jobId, token)) === 'exists') return 'open';
  await ports.gates.release(tenantId, jobId, {
    token,
    corrections: reserved === null ? [] : trueUp(reserved, { usdMicros: 0, gpuMs: 0 }),
    finishTag: null,
  });
  return 'released';
}
