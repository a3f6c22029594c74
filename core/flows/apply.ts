/** Stores a transition if its guard holds and performs its effects. The one place where effects happen. */
import type { JobRecord } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import type { Effect, Transition } from '../job/transitions.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { Log } from '../ports/process.ts';
import type { Tickets } from '../ports/tickets.ts';
import type { RememberPorts } from './result-cache.ts';
import { remember } from './result-cache.ts';
import type { SettlePorts } from './settle.ts';
import { settle } from './settle.ts';

export interface ApplyPorts extends SettlePorts, RememberPorts {
  readonly jobs: Jobs;
  readonly log: Log;
  readonly tickets: Tickets;
}

/** The stored record, or null when the guard no longer held. */
export async function applyTransition(
  ports: ApplyPorts,
  job: Pick<JobRecord, 'tenantId' | 'jobId'>,
  { guard, patch, effects }: Transition,
): Promise<JobRecord | null> {
  const outcome = await ports.jobs.apply(job.tenantId, job.jobId, guard, patch);
  if (outcome.kind === 'refused') return null;
  for (const effect of effects) await performLater(ports, outcome.job, effect);
  return outcome.job;
}

/** The patch is durable, so a failed effect must not look like a failed transition: the sweep performs it. */
async function performLater(ports: ApplyPorts, job: JobRecord, effect: Effect): Promise<void> {
  try {
    await perform(ports, job, effect);
  } catch (error) {
    ports.log.warn('effect.left_to_sweep', {
      ...jobNames(job),
      effect: effect.kind,
      reason: String(error),
    });
  }
}

async function perform(ports: ApplyPorts, job: JobRecord, effect: Effect): Promise<void> {
  switch (effect.kind) {
    case 'ticket':
      return ports.tickets.send({ pool: job.pool, tenantId: job.tenantId, jobId: job.jobId });
    case 'settle':
      await settle(ports, job);
      return;
    case 'stop':
      return ports.gates.stop(job.tenantId, job.jobId, job.attempt);
    case 'remember':
      return remember(ports, job);
  }
}
