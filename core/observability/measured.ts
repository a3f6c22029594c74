/**
 * Ports that tell of themselves: the same ports, with numbers told of what their calls came to. So flows know nothing of
 * metrics, and whatever writes through a port is counted, whichever flow it was.
 *
 * What is told twice where an answer was lost and asked for again is counted twice: these are numbers to watch by. What
 * is owed is counted in the ledger.
 */
import type { Outbound } from '../egress/outbound.ts';
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import { isFresh, tookMs } from '../jumping-clock.ts';
import { sweepLimits } from '../limits.ts';
import type { Fleet, PoolRecord } from '../ports/pools.ts';
import type { Clock, LogFields } from '../ports/process.ts';
import type { Runner } from '../ports/runner.ts';
import type { StoragePorts } from '../ports/storage.ts';
import type { WorkerRecord } from '../scaling/worker-record.ts';
import { after } from './after-call.ts';
import type { Metrics } from './metrics.ts';

/** Those of the stores; `ports` may hold others beside them, which stay as they are. */
export function measuredPorts<Ports extends StoragePorts>(ports: Ports, metrics: Metrics): Ports {
  return {
    ...ports,
    jobs: measuredJobs(ports.jobs, metrics),
    pools: measuredPools(ports.pools, metrics),
    workers: measuredWorkers(ports.workers, metrics),
    deliveries: after(ports.deliveries, 'put', (outcome, { status }) => {
      if (outcome !== 'stored' || status === 'pending') return;
      metrics.tell('webhook.ended', { webhooks_ended: 1 }, { outcome: status });
    }),
  };
}

function measuredJobs(jobs: StoragePorts['jobs'], metrics: Metrics): StoragePorts['jobs'] {
  const created = after(jobs, 'create', (outcome, job) => {
    if (outcome !== 'created') return;
    const isHit = isTerminal(job);
    metrics.tell('job.accepted', { jobs_accepted: 1, cache_hits: isHit ? 1 : undefined }, job, namesOf(job));
    if (isHit) tellEnded(metrics, job);
  });
  return after(created, 'apply', (outcome, _tenantId, _jobId, _guard, patch) => {
    if (outcome.kind === 'refused') return;
    const { job } = outcome;
    if (patch.startedAtMs !== undefined && patch.startedAtMs !== null) {
      const waitMs = tookMs(job.createdAtMs, patch.startedAtMs);
      metrics.tell('job.started', { job_wait_seconds: waitMs / 1_000 }, job, namesOf(job));
    }
    if (patch.place?.kind === 'done') tellEnded(metrics, job);
  });
}

function tellEnded(metrics: Metrics, job: JobRecord): void {
  const { pool, status, error, usage, timings } = job;
  metrics.tell(
    'job.ended',
    {
      jobs_ended: 1,
      jobs_failed: error === null ? undefined : 1,
      job_run_seconds: timings === null ? undefined : timings.runMs / 1_000,
      gpu_seconds: usage === null ? undefined : usage.gpuMs / 1_000,
    },
    { pool, status, code: error?.code ?? '' },
    { ...namesOf(job), attempt: job.attempt },
  );
}

function namesOf(job: JobRecord): LogFields {
  return { ...jobNames(job), model: job.model };
}

/** The worker that finds its pool waking reads when that began just before it moves it on. */
function measuredPools(pools: StoragePorts['pools'], metrics: Metrics): StoragePorts['pools'] {
  const seen = new Map<string, Pick<PoolRecord, 'state' | 'stateSinceMs'>>();
  const read = after(pools, 'read', ({ pool, state, stateSinceMs }) => {
    seen.set(pool, { state, stateSinceMs });
  });
  return after(read, 'move', (outcome, pool, _from, to, nowMs) => {
    const before = seen.get(pool);
    if (outcome !== 'moved' || to !== 'warm' || before?.state !== 'waking') return;
    metrics.tell('pool.lit', { wake_seconds: tookMs(before.stateSinceMs, nowMs) / 1_000 }, { pool });
  });
}

/** What each word of a worker adds to the one before. */
function measuredWorkers(workers: StoragePorts['workers'], metrics: Metrics): StoragePorts['workers'] {
  const told = new Map<string, Pick<WorkerRecord, 'reportedAtMs' | 'busyMs'>>();
  return after(workers, 'report', (_, worker) => {
    const { workerId, pool, startedAtMs, reportedAtMs, busyMs } = worker;
    const before = told.get(workerId) ?? { reportedAtMs: startedAtMs, busyMs: 0 };
    told.set(workerId, { reportedAtMs, busyMs });
    const upMs = tookMs(before.reportedAtMs, reportedAtMs);
    if (upMs === 0) return;
    metrics.tell(
      'worker.told',
      { worker_seconds: upMs / 1_000, worker_busy_seconds: (busyMs - before.busyMs) / 1_000 },
      { pool },
      { workerId },
    );
  });
}

/** @param pool of the worker that it runs in */
export function measuredRunner(
  runner: Runner,
  { clock, metrics, pool }: { readonly clock: Clock; readonly metrics: Metrics; readonly pool: string },
): Runner {
  return {
    async load(model, revision, needs) {
      const fromMs = clock.nowMs();
      const outcome = await runner.load(model, revision, needs);
      if (outcome.kind === 'failed') {
        metrics.tell('model.not_loaded', { model_loads_failed: 1 }, { pool }, { model, code: outcome.code });
      } else if (outcome.loadMs > 0) {
        const loadMs = tookMs(fromMs, clock.nowMs());
        metrics.tell('model.loaded', { model_load_seconds: loadMs / 1_000 }, { pool }, { model });
      }
      return outcome;
    },
    run(batch, events) {
      const { batchId, model, items } = batch;
      metrics.tell('batch.begun', { batch_size: items.length }, { pool }, { batchId, model });
      return runner.run(batch, events);
    },
    cancel: (itemId) => runner.cancel(itemId),
    resident: () => runner.resident(),
  };
}

/** A minute tick comes a little early at times. */
const fleetToldMs = sweepLimits.everyMs / 2;

/** Told at every change, and while there are workers with every tick; of a pool that stands at nothing, nothing. */
export function measuredFleet<Own extends Fleet>(
  fleet: Own,
  { clock, metrics }: { readonly clock: Pick<Clock, 'nowMs'>; readonly metrics: Metrics },
): Own {
  const told = new Map<string, { readonly what: string; readonly atMs: number }>();
  const { status } = after<Fleet, 'status'>(fleet, 'status', ({ desired, running }, pool) => {
    const nowMs = clock.nowMs();
    const what = `${desired} ${running}`;
    const before = told.get(pool) ?? { what: '0 0', atMs: nowMs };
    if (what === before.what && (desired + running === 0 || isFresh(before.atMs, fleetToldMs, nowMs))) return;
    told.set(pool, { what, atMs: nowMs });
    const booting = Math.max(0, desired - running);
    metrics.tell(
      'fleet.seen',
      { workers_desired: desired, workers_running: running, workers_booting: booting },
      { pool },
    );
  });
  return { ...fleet, status };
}

/** Nothing of where a try went: the address is its tenant's. */
export function measuredOutbound(outbound: Outbound, metrics: Metrics): Outbound {
  return after(outbound, 'send', (answer) => {
    const isTaken = answer.kind === 'answered' && answer.status >= 200 && answer.status <= 299;
    const outcome = answer.kind === 'answered' ? (isTaken ? 'taken' : 'turned_away') : answer.kind;
    metrics.tell('webhook.answered', { webhook_tries: 1 }, { outcome });
  });
}
