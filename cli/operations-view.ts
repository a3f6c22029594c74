/** Pools, workers and the ledger as an operator reads them. */
import type { LedgerEntry, Pool, Worker } from '#client/schema.ts';
import { formatTime, formatUsd } from './format.ts';
import { fields, table } from './table.ts';

export function poolTable(pools: readonly Pool[]): string {
  const rows = pools.map((pool) => [
    pool.id,
    stateText(pool),
    String(pool.jobs.waiting),
    String(pool.jobs.running),
    workersText(pool) ?? '-',
    pool.models.join(','),
  ]);
  return table(['POOL', 'STATE', 'WAITING', 'RUNNING', 'WORKERS', 'MODELS'], rows);
}

export function poolDetails(pool: Pool): string {
  const { prewarm, tickets } = pool;
  return fields([
    ['pool', pool.id],
    ['state', pool.since === null ? pool.state : `${pool.state} since ${formatTime(pool.since)}`],
    ['paused', pool.paused_since && `since ${formatTime(pool.paused_since)}`],
    ['draining', pool.draining_since && `since ${formatTime(pool.draining_since)}`],
    ['prewarm', prewarm && `${prewarm.workers} up until ${formatTime(prewarm.until)}`],
    ['warm-ups', warmupsText(pool)],
    ['jobs', `${pool.jobs.waiting} waiting, ${pool.jobs.running} running`],
    ['tickets', `about ${tickets.visible} visible, ${tickets.hidden} hidden`],
    ['workers', workersText(pool)],
    ['models', pool.models.join(', ')],
  ]);
}

export function fleetTable(workers: readonly Worker[]): string {
  const rows = workers.map((worker) => [
    worker.id,
    worker.pool,
    worker.silent ? `silent (${worker.phase})` : worker.phase,
    formatTime(worker.phase_since),
    String(worker.running_jobs),
    `${(100 * worker.busy_share).toFixed(1)} %`,
    formatTime(worker.last_heard_at),
    worker.models.join(',') || '-',
  ]);
  return table(['WORKER', 'POOL', 'PHASE', 'SINCE', 'JOBS', 'BUSY', 'LAST HEARD', 'MODELS'], rows);
}

export function ledgerTable(entries: readonly LedgerEntry[]): string {
  const rows = entries.map((entry) => [
    formatTime(entry.at),
    entry.kind,
    entry.job ?? entry.warmup?.id ?? '-',
    entry.model ?? entry.pool ?? '-',
    entry.outcome ?? '-',
    signedUsd(entry.usd_micros),
    entry.reason ?? '-',
  ]);
  return table(['AT', 'KIND', 'JOB OR WARM-UP', 'MODEL OR POOL', 'OUTCOME', 'COST', 'REASON'], rows);
}

export function refundDetails(entry: LedgerEntry): string {
  return fields([
    ['job', entry.job],
    ['tenant', entry.tenant],
    ['given back', formatUsd(-entry.usd_micros)],
    ['to the budget of', entry.month],
    ['reason', entry.reason],
    ['at', formatTime(entry.at)],
  ]);
}

/** What an operator said comes first: it is why the state may be a surprise. */
function stateText({ state, paused_since: paused, draining_since: draining }: Pool): string {
  const orders = [paused === null ? [] : ['paused'], draining === null ? [] : ['draining']].flat();
  return orders.length === 0 ? state : `${orders.join(', ')} (${state})`;
}

function warmupsText({ warmups }: Pool): string | null {
  return warmups.map(({ tenant, until }) => `${tenant} until ${formatTime(until)}`).join(', ') || null;
}

function workersText({ workers }: Pool): string | null {
  return workers && `${workers.running} of ${workers.desired} (max ${workers.max})`;
}

function signedUsd(usdMicros: number): string {
  return usdMicros < 0 ? `-${formatUsd(-usdMicros)}` : formatUsd(usdMicros);
}
