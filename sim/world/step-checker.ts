/**
 * Invariants that hold after every single write (reliability.md 3.1), told from the records alone: the checker knows
 * what a job may look like from one moment to the next, and nothing of how the product gets there.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JobRecord, JobStatus } from '#core/job/job.ts';
import { jobLimits } from '#core/limits.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { checkReserved } from './limit-checker.ts';
import type { Scenario } from './scenario.ts';

const order: Readonly<Record<JobStatus, number>> = {
  queued: 0,
  running: 1,
  succeeded: 2,
  failed: 2,
  canceled: 2,
  expired: 2,
};

/** To be called with each record as it is stored. */
export function checkStored(
  history: History,
  job: JobRecord,
  { skewMsMax }: Pick<Scenario, 'skewMsMax'>,
): void {
  const before = history.stored.get(job.jobId);
  history.stored.set(job.jobId, job);
  if (before === undefined) {
    checkNew(history, job);
    return;
  }
  checkChange(history, before, job);
  // Where clocks differ, one that ran ahead is rightly not believed.
  if (skewMsMax === 0) checkWaited(history, before, job);
}

function checkChange(history: History, before: JobRecord, job: JobRecord): void {
  const { jobId } = job;
  if (before.place.kind === 'done' && !isDeepStrictEqual(before, job)) {
    violate(history, 'I1', `${jobId} changed after its end, from ${before.status} to ${job.status}`);
  }
  if (order[job.status] < order[before.status]) {
    violate(history, 'I1', `${jobId} went back from ${before.status} to ${job.status}`);
  }
  if ((order[job.status] === 2) !== (job.place.kind === 'done')) {
    violate(history, 'I1', `${jobId} is ${job.status} and lies in ${job.place.kind}`);
  }
  if (job.attempt < before.attempt || job.attempt > before.attempt + 1) {
    violate(history, 'I7', `${jobId} went from attempt ${before.attempt} to ${job.attempt}`);
  }
  if (before.place.kind === 'line' && job.place.kind === 'lease') checkRunning(history, job);
  if (before.startedAtMs === null && job.startedAtMs !== null) checkStart(history, job);
  checkOwner(history, before, job);
}

/** A claim looks at the deadline and then writes; the write may be slow. */
const startToleranceMs = 30_000;

function checkStart(history: History, { jobId, startedAtMs, startByMs }: JobRecord): void {
  const lateMs = (startedAtMs ?? 0) - startByMs;
  if (lateMs > startToleranceMs) violate(history, 'I1', `${jobId} started ${lateMs} ms after it had to`);
}

/**
 * Of those that were admitted under a bound; a lease that ran out counts until somebody takes it over. Where the bound
 * was changed between their admissions, the largest of them counts.
 */
function checkRunning(history: History, { tenantId, runningJobsMax }: JobRecord): void {
  if (runningJobsMax === null) return;
  const running = [...history.stored.values()].filter(
    (each) => each.tenantId === tenantId && each.runningJobsMax !== null && each.place.kind === 'lease',
  );
  const max = Math.max(...running.map((each) => each.runningJobsMax ?? 0));
  if (running.length > max)
    violate(history, 'I4', `${tenantId} has ${running.length} running jobs of ${max}`);
}

/** A claim waits until the job's time has come; a lease tells when it was taken. */
function checkWaited(history: History, before: JobRecord, job: JobRecord): void {
  if (before.place.kind !== 'line' || job.place.kind !== 'lease') return;
  const earlyMs = (before.place.notBeforeMs ?? 0) - (job.place.expiresAtMs - jobLimits.leaseMs);
  if (earlyMs > 0) violate(history, 'I7', `${job.jobId} was claimed ${earlyMs} ms before it might be`);
}

/** While a lease stands, nobody but its holder changes the job, save to mark it canceled or to take a lapsed one over. */
function checkOwner(history: History, before: JobRecord, job: JobRecord): void {
  if (before.place.kind !== 'lease' || job.place.kind !== 'lease') return;
  if (before.place.workerId !== job.place.workerId && before.attempt === job.attempt) {
    violate(history, 'I7', `${job.jobId} changed hands within attempt ${job.attempt}`);
  }
}

function checkNew(history: History, job: JobRecord): void {
  if (job.receipt?.cachedFrom !== undefined) checkHit(history, job, job.receipt.cachedFrom);
  else if (job.attempt !== 0 || job.place.kind !== 'line' || job.status !== 'queued') {
    violate(history, 'I1', `${job.jobId} began as ${job.status} in ${job.place.kind}`);
  }
  checkReserved(history, job);
}

/** I6 and I9: a job that began with its result has that of a like job of the same tenant, at no cost. */
function checkHit(history: History, job: JobRecord, cachedFrom: string): void {
  const source = history.stored.get(cachedFrom);
  const likeness = ({ tenantId, model, modelRevision, input, outputs }: JobRecord) => ({
    ...{ tenantId, model, modelRevision, input, outputs },
  });
  if (source === undefined || source.status !== 'succeeded' || source.attempt === 0) {
    violate(history, 'I6', `${job.jobId} has the result of ${cachedFrom}, which made none`);
  } else if (!isDeepStrictEqual(likeness(source), likeness(job))) {
    violate(history, 'I9', `${job.jobId} has the result of ${cachedFrom}, which is unlike it`);
  }
  if (job.costUsdMicros !== 0 || job.reservedUsdMicros !== 0 || job.attempt !== 0) {
    violate(history, 'I3', `${job.jobId} came out of the cache and costs something`);
  }
}
