/**
 * Cancels a job. One that waits ends at once; one that runs is marked, and its worker ends it at the next step or
 * renewal. Idempotent: canceling a terminal job changes nothing and answers with it.
 */
import type { JobRecord } from '../job/job.ts';
import { isTerminal } from '../job/job.ts';
import { cancelWaiting, requestCancel } from '../job/transitions.ts';
import type { Clock } from '../ports/process.ts';
import type { ApplyPorts } from './apply.ts';
import { applyTransition } from './apply.ts';

export interface CancelPorts extends ApplyPorts {
  readonly clock: Clock;
}

/** A job can move between line and lease only this often before the caller is told to come back. */
const looksMax = 8;

export type CancelOutcome =
  | { readonly kind: 'found'; readonly job: JobRecord }
  | { readonly kind: 'missing' }
  /** The job kept moving while we looked; asking again is safe. */
  | { readonly kind: 'busy' };

export async function cancel(ports: CancelPorts, tenantId: string, jobId: string): Promise<CancelOutcome> {
  for (let look = 0; look < looksMax; look += 1) {
    const job = await ports.jobs.get(tenantId, jobId, { consistent: true });
    if (job === null) return { kind: 'missing' };
    if (isTerminal(job) || job.cancelRequestedAtMs !== null) return { kind: 'found', job };

    const nowMs = ports.clock.nowMs();
    const transition = job.place.kind === 'line' ? cancelWaiting(job, nowMs) : requestCancel(job, nowMs);
    const changed = await applyTransition(ports, job, transition);
    if (changed !== null) return { kind: 'found', job: changed };
  }
  return { kind: 'busy' };
}
