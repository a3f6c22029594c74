/**
 * Looks at a pool for those who wait in it: its record, both lines, its leases and its workers, five reads that each
 * end at a bound. One look serves a process for `etaLimits.lookMs`, however many jobs are asked about, and takes in
 * the jobs that the process itself admits meanwhile, so that of a burst each is told of the ones before it.
 */

import type { ToldStart } from '../eta/calibration.ts';
import { calibrated } from '../eta/calibration.ts';
import type { Outlook, ToldReady } from '../eta/outlook.ts';
import { outlookOf } from '../eta/outlook.ts';
import type { OutlookRules, SeenLine, SeenWorker } from '../eta/supply.ts';
import type { JobClass, JobRecord, LineEntry } from '../job/job.ts';
import { lineEntryOf } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import { isFresh } from '../jumping-clock.ts';
import { etaLimits, jobLimits, workerLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Pools, Workers } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import { conditionOf } from '../scaling/pool-orders.ts';
import { isAlive } from '../scaling/worker-record.ts';

export interface OutlookPorts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly jobs: Pick<Jobs, 'line' | 'lapsed'>;
  readonly pools: Pick<Pools, 'read'>;
  readonly workers: Pick<Workers, 'list'>;
}

export interface Outlooks {
  of(pool: string): Promise<Outlook>;
  /** The outlook with this job in its line, which later answers know of as well. */
  including(entry: LineEntry): Promise<Outlook>;
}

export interface OutlookOptions {
  /**
   * Expected from waking a pool to its first worker that serves, until that was seen.
   * @default etaLimits.wakeMs
   */
  readonly wakeMs?: number;
}

/** Asking for the leases that will have run out by then finds every lease. */
const everyLeaseMs = 2 * jobLimits.leaseMs;

export function createOutlooks(
  ports: OutlookPorts,
  { wakeMs = etaLimits.wakeMs }: OutlookOptions = {},
): Outlooks {
  const looks = new Map<string, { readonly sinceMs: number; outlook: Promise<Outlook> }>();

  function lookAt(pool: string): { outlook: Promise<Outlook> } {
    const nowMs = ports.clock.nowMs();
    const kept = looks.get(pool);
    if (kept !== undefined && isFresh(kept.sinceMs, etaLimits.lookMs, nowMs)) return kept;
    const look = { sinceMs: nowMs, outlook: readOutlook(ports, pool, wakeMs) };
    looks.set(pool, look);
    // A look that failed is not kept: the next one may go better.
    look.outlook.catch(() => {
      if (looks.get(pool) === look) looks.delete(pool);
    });
    return look;
  }

  return {
    of: (pool) => lookAt(pool).outlook,
    including(entry) {
      const look = lookAt(entry.pool);
      look.outlook = look.outlook.then((outlook) => outlook.including(entry));
      return look.outlook;
    },
  };
}

/**
 * What a job that is about to join its line is told of its start. Null when the pool is paused, for nobody knows how
 * long, and when it could not be looked at: a job is accepted without an estimate rather than not at all.
 */
export async function tellStart(
  ports: { readonly clock: Clock; readonly log: Log; readonly outlooks: Outlooks },
  job: JobRecord,
): Promise<ToldStart | null> {
  try {
    const entry = lineEntryOf(job);
    const outlook = await ports.outlooks.including(entry);
    if (outlook.seen.isPaused) return null;
    const { start } = outlook.placeOf(entry, ports.clock.nowMs());
    return { ...start, ...calibrated(outlook.seen.calibration, job.class, start) };
  } catch (error) {
    ports.log.warn('submit.start_untold', { ...jobNames(job), pool: job.pool, reason: String(error) });
    return null;
  }
}

/** By when a worker is expected to serve. Null when the pool is paused, for nobody knows how long, and when it could not be looked at. */
export async function tellReady(
  { clock, log, outlooks }: { readonly clock: Clock; readonly log: Log; readonly outlooks: Outlooks },
  pool: string,
): Promise<ToldReady | null> {
  try {
    const { seen, servedInMs: waitMs } = await outlooks.of(pool);
    const nowMs = clock.nowMs();
    if (seen.isPaused) return null;
    if (waitMs === 0) return { atMs: nowMs, atP90Ms: nowMs };
    // What the pool has learned of jobs that waited for a worker is true of the worker.
    const { p50Ms, p90Ms } = calibrated(seen.calibration, 'interactive', { waitMs, kind: 'cold' });
    return { atMs: Math.max(nowMs, seen.atMs + p50Ms), atP90Ms: Math.max(nowMs, seen.atMs + p90Ms) };
  } catch (error) {
    log.warn('warmup.ready_untold', { pool, reason: String(error) });
    return null;
  }
}

async function readOutlook(ports: OutlookPorts, pool: string, wakeMs: number): Promise<Outlook> {
  const atMs = ports.clock.nowMs();
  const [record, interactive, batch, leased, workers] = await Promise.all([
    ports.pools.read(pool),
    readLine(ports, pool, 'interactive'),
    readLine(ports, pool, 'batch'),
    ports.jobs.lapsed(pool, atMs + everyLeaseMs, etaLimits.lineWindow),
    readWorkers(ports, pool, atMs),
  ]);
  const { calibration, orders } = record;
  const condition = conditionOf(record);
  const isPaused = condition === 'paused';
  // Those that drain claim nothing more: what waits is for the fresh ones that come after them.
  const isDraining = orders.drainingAtMs !== null;
  const seen = {
    atMs,
    state: isPaused ? record.state : condition,
    stateSinceMs: orders.drainingAtMs ?? record.stateSinceMs,
    isPaused,
    calibration,
    lines: { interactive, batch },
    leased: isDraining ? [] : leased,
    workers: isDraining ? [] : workers,
  };
  return outlookOf(seen, rulesOf(ports.catalog, pool, wakeMs));
}

async function readLine(ports: OutlookPorts, pool: string, jobClass: JobClass): Promise<SeenLine> {
  const entries = await ports.jobs.line(pool, jobClass, etaLimits.lineWindow + 1);
  return { entries: entries.slice(0, etaLimits.lineWindow), isWhole: entries.length <= etaLimits.lineWindow };
}

/** Those that are there and take work, or will. The first page, a hundred of them: enough to estimate by. */
async function readWorkers(ports: OutlookPorts, pool: string, atMs: number): Promise<SeenWorker[]> {
  const { items } = await ports.workers.list(pool, atMs - workerLimits.silentMs);
  return items.flatMap(({ phase, ...worker }) => {
    const isThere = isAlive({ phase, ...worker }, atMs) && phase !== 'draining' && phase !== 'ended';
    return isThere ? [{ phase, phaseSinceMs: worker.phaseSinceMs, startedAtMs: worker.startedAtMs }] : [];
  });
}

function rulesOf(catalog: Catalog, pool: string, wakeMs: number): OutlookRules {
  const loadMs = Math.max(0, ...catalog.poolModels(pool).map(({ manifest }) => manifest.time.load_ms));
  return {
    batchMax: ({ model }) => catalog.get(model)?.manifest.batch_max ?? 1,
    sharedMs: ({ model }) => catalog.get(model)?.manifest.time.fixed_ms ?? 0,
    slackTag: loadMs * 1000,
    wakeMs,
    silentMs: workerLimits.silentMs,
    loadMs,
  };
}
