/** What a submission does once its job exists. A failure here is left to the sweep and to the scaler's tick. */
import { lineName } from '../dispatch/fair-tags.ts';
import type { JobRecord } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import type { Gates } from '../ports/gates.ts';
import type { Pools, Scaler } from '../ports/pools.ts';
import type { Clock, Log } from '../ports/process.ts';
import type { ResultCache } from '../ports/result-cache.ts';
import type { Tickets } from '../ports/tickets.ts';
import type { AnnouncePorts } from './announce.ts';
import { announce } from './announce.ts';
import type { SettlePorts } from './settle.ts';
import { settle } from './settle.ts';
import { wakePool } from './wake.ts';

interface RingPorts extends AnnouncePorts {
  readonly clock: Clock;
  readonly gates: Gates;
  readonly log: Log;
  readonly pools: Pools;
  readonly scaler: Scaler;
  readonly tickets: Tickets;
}

interface ClosePorts extends SettlePorts {
  readonly log: Log;
  readonly results: Pick<ResultCache, 'touch'>;
}

/** Where a tenant that returns from idle goes on, as `startTag` says. */
interface Lift {
  readonly upTo: number;
  readonly to: number;
}

/** What follows once a job exists that has its result. As in {@link ring}, it is accepted whatever fails here. */
export async function close(ports: ClosePorts, job: JobRecord, key: string): Promise<void> {
  const steps = await Promise.allSettled([
    settle(ports, job),
    ports.results.touch(job.tenantId, key, job.createdAtMs),
  ]);
  logFailed(ports.log, job, steps);
}

/**
 * What follows once the job exists. It is accepted already, so a failure here must not turn into a refusal: the sweep
 * and the scaler's tick do what is missing.
 */
export async function ring(ports: RingPorts, job: JobRecord, lift: Lift | null): Promise<void> {
  const { pool, tenantId, jobId } = job;
  const steps = await Promise.allSettled([
    ports.tickets.send({ pool, tenantId, jobId }),
    announce(ports, job),
    wakePool(ports, pool),
    lift === null
      ? Promise.resolve()
      : ports.gates.lift(tenantId, lineName(pool, job.class), lift.upTo, lift.to),
  ]);
  logFailed(ports.log, job, steps);
}

function logFailed(log: Log, job: JobRecord, steps: readonly PromiseSettledResult<unknown>[]): void {
  for (const step of steps) {
    if (step.status === 'rejected') {
      log.warn('submit.left_to_sweep', { ...jobNames(job), pool: job.pool, reason: String(step.reason) });
    }
  }
}
