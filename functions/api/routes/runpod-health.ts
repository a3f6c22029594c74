import type { RunpodHealth } from '#core/dialects/runpod/job.ts';
import { readFleet } from '#core/flows/fleet.ts';
import type { JobRecord } from '#core/job/job.ts';
import { apiLimits, runpodLimits } from '#core/limits.ts';
import type { PoolRecord } from '#core/ports/pools.ts';
import type { WorkerRecord } from '#core/scaling/worker-record.ts';
import { isAlive } from '#core/scaling/worker-record.ts';
import { poolOfTenant } from '#core/tenancy/own-pool.ts';
import type { ApiDeps } from '../api-deps.ts';
import { endpointModel } from '../dialects/runpod/jobs.ts';
import type { RouteHandler } from '../route-handler.ts';

export const runpodHealth: RouteHandler<'runpodHealth'> = async (deps, { caller, params }) => {
  const { manifest } = await endpointModel(deps, caller, params.endpoint);
  const pool = poolOfTenant(manifest.pool, caller.tenant);
  const [jobs, workers, record] = await Promise.all([
    newestJobs(deps, caller.tenant.tenantId, manifest.id),
    readFleet(deps, [pool]),
    deps.pools.read(pool),
  ]);
  const body: RunpodHealth = {
    jobs: countJobs(jobs),
    workers: countWorkers(workers, record, deps.clock.nowMs()),
  };
  return { status: 200, body };
};

async function newestJobs({ jobs }: ApiDeps, tenantId: string, model: string): Promise<JobRecord[]> {
  const found: JobRecord[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < runpodLimits.healthPagesMax; pages += 1) {
    const asked = { limit: apiLimits.pageMax, model, ...(cursor === undefined ? {} : { cursor }) };
    const page = await jobs.list(tenantId, asked);
    found.push(...page.items);
    if (page.cursor === null) break;
    cursor = page.cursor;
  }
  return found;
}

function countJobs(jobs: readonly JobRecord[]): RunpodHealth['jobs'] {
  const count = (...statuses: JobRecord['status'][]) =>
    jobs.filter(({ status }) => statuses.includes(status)).length;
  return {
    completed: count('succeeded'),
    failed: count('failed', 'expired'),
    inProgress: count('running'),
    inQueue: count('queued'),
    retried: jobs.filter(({ attempt }) => attempt > 1).length,
  };
}

function countWorkers(
  workers: readonly WorkerRecord[],
  { scaling }: PoolRecord,
  nowMs: number,
): RunpodHealth['workers'] {
  const alive = workers.filter((worker) => isAlive(worker, nowMs));
  const ready = alive.filter(({ phase }) => phase === 'serving');
  const running = ready.filter(({ runningJobs }) => runningJobs > 0).length;
  return {
    idle: ready.length - running,
    initializing: alive.filter(({ phase }) => phase === 'starting' || phase === 'loading').length,
    ready: ready.length,
    running,
    throttled: Math.max(0, (scaling?.desired ?? 0) - alive.length),
    unhealthy: workers.length - alive.length,
  };
}
