/**
 * `Jobs` whose indexes and default reads lag behind its records, as a global secondary index and an eventually consistent
 * read of DynamoDB do: each write shows there after a time of its own, but never before an earlier write of the same job.
 */
import type { JobRecord } from '#core/job/job.ts';
import type { Guard } from '#core/job/transitions.ts';
import type { Jobs } from '#core/ports/jobs.ts';
import { createJobStore, createMemoryJobs } from '../memory/memory-jobs.ts';
import type { Random } from '../random.ts';
import type { Loop } from './loop.ts';

export interface LaggingJobsOptions {
  readonly loop: Loop;
  readonly random: Random;
  /** How far the index is behind at most, now. */
  readonly lagMsMax: () => number;
  /** Sees every record as it is stored. */
  readonly onStored: (job: JobRecord) => void;
}

export function createLaggingJobs({ loop, random, lagMsMax, onStored }: LaggingJobsOptions): Jobs {
  const records = createJobStore(loop.clock);
  const index = createMemoryJobs(loop);
  const writes = new Map<string, number>();
  const shown = new Map<string, { readonly write: number; readonly guard: Guard }>();

  function stored(job: JobRecord): void {
    onStored(job);
    const write = (writes.get(job.jobId) ?? 0) + 1;
    writes.set(job.jobId, write);
    loop.after(random() * lagMsMax(), () => {
      const before = shown.get(job.jobId);
      if (before !== undefined && before.write > write) return;
      shown.set(job.jobId, { write, guard: { attempt: job.attempt, place: job.place.kind } });
      void show(job, before?.guard);
    });
  }

  async function show(job: JobRecord, before: Guard | undefined): Promise<void> {
    if ((await index.create(job)) === 'created' || before === undefined) return;
    await index.apply(job.tenantId, job.jobId, before, job);
  }

  return {
    ...index,
    async create(job) {
      const outcome = await records.create(job);
      if (outcome === 'created') stored(job);
      return outcome;
    },
    forbid: records.forbid,
    forbidAll: records.forbidAll,
    get: (tenantId, jobId, how) => (how?.consistent ? records : index).get(tenantId, jobId),
    async apply(tenantId, jobId, guard, patch) {
      const outcome = await records.apply(tenantId, jobId, guard, patch);
      if (outcome.kind === 'applied') stored(outcome.job);
      return outcome;
    },
  };
}
