/**
 * The pulse of a running batch: renews every lease in time, writes progress at a bounded rate, and stops what was
 * canceled or taken over. Every write of it is a renewal, so progress and the look for a cancellation cost nothing
 * extra.
 */

import type { JobRecord } from '../job/job.ts';
import { jobNames } from '../job/job-names.ts';
import { renew } from '../job/transitions.ts';
import { isFresh } from '../jumping-clock.ts';
import { jobLimits } from '../limits.ts';
import type { Clock } from '../ports/process.ts';
import type { RunEvents, Runner } from '../ports/runner.ts';
import type { ApplyPorts } from './apply.ts';
import { applyTransition } from './apply.ts';

export interface PulsePorts extends ApplyPorts {
  readonly clock: Clock;
  readonly runner: Runner;
}

export interface Pulse {
  readonly events: RunEvents;
  /** The record as last written or read by this worker. */
  latest(job: JobRecord): JobRecord;
  /**
   * From now on nothing is stopped: the call is over. A write that is slow to end the job lets it be claimed again meanwhile,
   * here as well, and the runner knows jobs and no attempts.
   */
  callEnded(): void;
  stop(): Promise<void>;
}

interface Beat {
  job: JobRecord;
  progress: JobRecord['progress'];
  writtenAtMs: number;
  dirty: boolean;
  lost: boolean;
}

export function startPulse(
  ports: PulsePorts,
  ask: { readonly workerId: string; readonly jobs: readonly JobRecord[]; readonly interrupt: AbortSignal },
): Pulse {
  const nowMs = ports.clock.nowMs();
  const beats = new Map<string, Beat>(
    ask.jobs.map((job) => [
      job.jobId,
      { job, progress: null, writtenAtMs: nowMs, dirty: false, lost: false },
    ]),
  );
  const stopped = new AbortController();
  let isCalling = true;
  const cancel = (jobId: string) => {
    if (isCalling) ports.runner.cancel(jobId);
  };
  const cancelAll = () => {
    for (const { job } of beats.values()) cancel(job.jobId);
  };
  ask.interrupt.addEventListener('abort', cancelAll, { once: true });
  const beating = beat(ports, { workerId: ask.workerId, cancel }, beats, stopped.signal);

  return {
    events: {
      onProgress(itemId, step, steps) {
        const own = beats.get(itemId);
        if (own === undefined) return;
        own.progress = { step, steps };
        own.dirty = true;
      },
    },
    latest: (job) => beats.get(job.jobId)?.job ?? job,
    callEnded() {
      isCalling = false;
    },
    async stop() {
      ask.interrupt.removeEventListener('abort', cancelAll);
      stopped.abort();
      await beating;
    },
  };
}

interface Holder {
  readonly workerId: string;
  cancel(jobId: string): void;
}

async function beat(
  ports: PulsePorts,
  holder: Holder,
  beats: ReadonlyMap<string, Beat>,
  stopped: AbortSignal,
): Promise<void> {
  while (!stopped.aborted) {
    await ports.clock.sleep(jobLimits.progressMs, stopped);
    if (stopped.aborted) return;
    const due = [...beats.values()].filter((own) => isDue(own, ports.clock.nowMs()));
    await Promise.all(due.map((own) => renewOne(ports, holder, own)));
  }
}

/** On both sides of now: after a clock that jumped back, the lease it took is put right at once. */
function isDue(own: Beat, nowMs: number): boolean {
  return !own.lost && (own.dirty || !isFresh(own.writtenAtMs, jobLimits.renewMs, nowMs));
}

async function renewOne(ports: PulsePorts, { workerId, cancel }: Holder, own: Beat): Promise<void> {
  const nowMs = ports.clock.nowMs();
  own.dirty = false;
  try {
    const job = await applyTransition(ports, own.job, renew(own.job, workerId, nowMs, own.progress));
    if (job === null) {
      own.lost = true;
      cancel(own.job.jobId);
      return;
    }
    own.job = job;
    own.writtenAtMs = nowMs;
    if (job.cancelRequestedAtMs !== null) cancel(job.jobId);
  } catch (error) {
    // The outcome is unknown; the next beat tries again, and the lease leaves room for two lost ones.
    ports.log.warn('lease.renewal_failed', { ...jobNames(own.job), reason: String(error) });
  }
}
