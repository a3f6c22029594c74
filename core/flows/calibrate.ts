/**
 * Teaches a pool's calibration by what happened: one read and one conditional write for a claimed batch, beside its
 * run. A write that another worker's got ahead of is dropped with what it learned, so that nothing is counted twice and
 * nobody waits: a start more or less moves the numbers by a step. For the same reason a failure is only logged.
 */
import type { Calibration, SeenStart } from '../eta/calibration.ts';
import { afterStarts, afterWake } from '../eta/calibration.ts';
import type { JobRecord } from '../job/job.ts';
import type { Pools } from '../ports/pools.ts';
import type { Log } from '../ports/process.ts';

export interface CalibratePorts {
  readonly log: Log;
  readonly pools: Pick<Pools, 'read' | 'calibrate'>;
}

/** Of freshly claimed jobs; those that run again, or were told nothing, teach nothing. */
export async function noteStarts(
  ports: CalibratePorts,
  pool: string,
  jobs: readonly JobRecord[],
): Promise<void> {
  const starts = jobs.flatMap((job) => seenStart(job) ?? []);
  if (starts.length > 0) await learn(ports, pool, (before) => afterStarts(before, starts));
}

/** A cold pool was woken, and served `tookMs` later. */
export async function noteWake(ports: CalibratePorts, pool: string, tookMs: number): Promise<void> {
  await learn(ports, pool, (before) => afterWake(before, tookMs));
}

function seenStart({
  attempt,
  toldStart,
  startedAtMs,
  createdAtMs,
  class: jobClass,
}: JobRecord): SeenStart | null {
  if (attempt !== 1 || toldStart === null || startedAtMs === null) return null;
  return { class: jobClass, told: toldStart, waitedMs: Math.max(0, startedAtMs - createdAtMs) };
}

async function learn(
  { log, pools }: CalibratePorts,
  pool: string,
  next: (before: Calibration) => Calibration,
): Promise<void> {
  try {
    const { calibration } = await pools.read(pool);
    await pools.calibrate(pool, next(calibration));
  } catch (error) {
    log.warn('pool.not_calibrated', { pool, reason: String(error) });
  }
}
