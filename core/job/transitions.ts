/**
 * Every change a job can go through, one pure function each. A transition says under which guard it holds, what it
 * writes and which effects follow; the flow stores the patch if the guard still holds and then performs the effects.
 * A crash between the two is repaired by the sweep, which derives the missing effect from the stored state.
 *
 * ```
 *            claim                       succeed | fail | cancelRunning
 *   line ------------> lease ---------------------------------------------> done
 *    ^  \                | | \___ claim (lease ran out, attempt + 1) ___/
 *    |   \__ cancelWaiting, expire ______________________________________> done
 *    |___________________|
 *      giveBack (interrupted, costs no attempt) | tryAgain (failed, may go better) | waitForMemory (later, costs none)
 * ```
 */

import type { JobErrorCode } from '../errors.ts';
import { jobErrors } from '../errors.ts';
import { jobLimits } from '../limits.ts';
import type {
  JobError,
  JobOutput,
  JobPlace,
  JobReceipt,
  JobRecord,
  JobTimings,
  JobUsage,
  LineEntry,
} from './job.ts';

/** What must still be true of the stored record for a patch to be written. */
export interface Guard {
  readonly attempt: number;
  readonly place: JobPlace['kind'];
  /** Only for a lease: it must have run out before this instant. */
  readonly leaseExpiredBeforeMs?: number;
}

/** What follows from a transition, outside the record. */
export type Effect =
  /** Another worker must hear that there is work in the pool. */
  | { readonly kind: 'ticket' }
  /** The attempt runs no more: free its place among the running jobs of its tenant. */
  | { readonly kind: 'stop' }
  /** The job is terminal: release its reservation and write the ledger. */
  | { readonly kind: 'settle' }
  /** The result may be answered with again: keep it. */
  | { readonly kind: 'remember' };

export type JobPatch = Partial<
  Omit<JobRecord, 'tenantId' | 'jobId' | 'createdAtMs' | 'reservation' | 'fingerprint'>
>;

export interface Transition {
  readonly guard: Guard;
  readonly patch: JobPatch;
  readonly effects: readonly Effect[];
}

export interface Finished {
  readonly usage: JobUsage;
  readonly costUsdMicros: number;
  readonly timings: JobTimings;
  readonly receipt: JobReceipt;
}

/** A worker takes the job from the line. */
export function claim(entry: Pick<LineEntry, 'attempt'>, workerId: string, nowMs: number): Transition {
  return claimUnder({ attempt: entry.attempt, place: 'line' }, entry.attempt, workerId, nowMs);
}

/** A worker takes over a job whose lease ran out: the old attempt can no longer finish. */
export function reclaim(job: Pick<JobRecord, 'attempt'>, workerId: string, nowMs: number): Transition {
  const guard: Guard = { attempt: job.attempt, place: 'lease', leaseExpiredBeforeMs: nowMs };
  return claimUnder(guard, job.attempt, workerId, nowMs);
}

/**
 * What a freshly claimed job calls for: to be run, or to end because it was canceled meanwhile or used up its
 * attempts. Decided after the claim because only the record, not its line entry, knows.
 */
export function afterClaim(
  job: JobRecord,
): { next: 'run' } | { next: 'cancel' } | { next: 'fail'; code: JobErrorCode } {
  if (job.cancelRequestedAtMs !== null) return { next: 'cancel' };
  if (attemptsSpent(job) > jobLimits.attemptsMax) {
    return { next: 'fail', code: job.error === null ? 'worker_lost' : 'poison' };
  }
  return { next: 'run' };
}

/** Attempts that count towards poison; the one under way included. */
export function attemptsSpent(job: Pick<JobRecord, 'attempt' | 'interruptions'>): number {
  return job.attempt - job.interruptions;
}

/** The worker proves it lives; carries progress along so that it costs no write of its own. */
export function renew(
  job: JobRecord,
  workerId: string,
  nowMs: number,
  progress: JobRecord['progress'],
): Transition {
  return {
    guard: { attempt: job.attempt, place: 'lease' },
    patch: { place: leaseFor(workerId, nowMs), ...(progress === null ? {} : { progress }) },
    effects: [],
  };
}

/**
 * The lease runs further than any may, because it was taken under a clock that ran ahead: it gets the length of one
 * from now. A worker that lives renews it as ever; the job of one that died is not kept waiting for that clock's time.
 * Null for any other lease.
 */
export function shortenLease(job: Pick<JobRecord, 'attempt' | 'place'>, nowMs: number): Transition | null {
  const { place } = job;
  if (place.kind !== 'lease') return null;
  if (place.expiresAtMs <= nowMs + jobLimits.leaseMs + jobLimits.leaseAheadMsMax) return null;
  return {
    guard: { attempt: job.attempt, place: 'lease' },
    patch: { place: leaseFor(place.workerId, nowMs) },
    effects: [],
  };
}

export function succeed(job: JobRecord, nowMs: number, outputs: JobOutput[], done: Finished): Transition {
  const steps = job.progress?.steps;
  const finished = finish(job, 'lease', {
    status: 'succeeded',
    finishedAtMs: nowMs,
    outputs,
    error: null,
    ...(steps === undefined ? {} : { progress: { step: steps, steps } }),
    ...done,
  });
  return job.cache === null
    ? finished
    : { ...finished, effects: [...finished.effects, { kind: 'remember' }] };
}

/** Ends the job without a result. Never charged. */
export function fail(job: JobRecord, nowMs: number, error: JobError): Transition {
  return finish(job, 'lease', { status: 'failed', finishedAtMs: nowMs, error, costUsdMicros: 0 });
}

/**
 * The attempt failed in a way that another may not: back to the line under the same tag, so the job keeps its turn,
 * but with a batch key of its own, so that a job that breaks its batch cannot use up the attempts of its mates.
 * The caller decides by {@link mayTryAgain}.
 */
export function tryAgain(job: JobRecord, error: JobError): Transition {
  return {
    guard: { attempt: job.attempt, place: 'lease' },
    patch: { place: { kind: 'line' }, error, progress: null, batchKey: `alone-${job.jobId}` },
    effects: backInLine(job),
  };
}

export function mayTryAgain(job: JobRecord, error: JobError): boolean {
  return error.retryable && attemptsSpent(job) < jobLimits.attemptsMax;
}

/**
 * What follows from an attempt that failed. One that ran out of memory with nobody beside it was predicted to fit, or it
 * would not have begun: something else has the card, so it waits. One that had mates is tried alone first.
 */
export function afterFailure(
  job: JobRecord,
  error: JobError,
  { hadMates }: { readonly hadMates: boolean },
): 'wait' | 'try again' | 'fail' {
  if (error.code === 'out_of_memory' && error.retryable && !hadMates) {
    return job.memoryWaits < jobLimits.memoryWaitsMax ? 'wait' : 'fail';
  }
  return mayTryAgain(job, error) ? 'try again' : 'fail';
}

/** As {@link tryAgain}, but not before what else has the card may be gone; no fault of the job, so no attempt is spent. */
export function waitForMemory(job: JobRecord, error: JobError, nowMs: number): Transition {
  const again = tryAgain(job, error);
  const patch = {
    ...again.patch,
    place: { kind: 'line', notBeforeMs: nowMs + jobLimits.memoryWaitMs },
    interruptions: job.interruptions + 1,
    memoryWaits: job.memoryWaits + 1,
  } as const;
  return { ...again, patch };
}

/**
 * True for a line entry that may not be claimed yet. One that would wait longer than any may was told so by a clock that
 * ran ahead, and waits no longer.
 */
export function isHeldUp({ notBeforeMs }: Pick<LineEntry, 'notBeforeMs'>, nowMs: number): boolean {
  return notBeforeMs !== null && nowMs < notBeforeMs && notBeforeMs - nowMs <= jobLimits.memoryWaitMs;
}

/** The worker is going away (drain, reclaimed instance): interrupted is not failed, so no attempt is spent. */
export function giveBack(job: JobRecord): Transition {
  return {
    guard: { attempt: job.attempt, place: 'lease' },
    patch: { place: { kind: 'line' }, interruptions: job.interruptions + 1, progress: null },
    effects: backInLine(job),
  };
}

/** The place first: who hears the ticket should find it free. */
function backInLine(job: JobRecord): Effect[] {
  return job.runningJobsMax === null ? [{ kind: 'ticket' }] : [{ kind: 'stop' }, { kind: 'ticket' }];
}

/** Cancels a job that nobody runs: ends it at once. */
export function cancelWaiting(job: JobRecord, nowMs: number): Transition {
  return finish(job, 'line', {
    status: 'canceled',
    cancelRequestedAtMs: nowMs,
    finishedAtMs: nowMs,
    error: jobError('canceled'),
    costUsdMicros: 0,
  });
}

/** Asks the worker that runs the job to stop; it sees this at its next renewal. */
export function requestCancel(job: JobRecord, nowMs: number): Transition {
  return {
    guard: { attempt: job.attempt, place: 'lease' },
    patch: { cancelRequestedAtMs: nowMs },
    effects: [],
  };
}

/** The worker stopped the run because it was canceled. GPU time used until then is charged. */
export function cancelRunning(
  job: JobRecord,
  nowMs: number,
  done: Partial<Finished>,
  code: 'canceled' | 'run_too_long' = 'canceled',
): Transition {
  return finish(job, 'lease', {
    status: 'canceled',
    finishedAtMs: nowMs,
    error: jobError(code),
    costUsdMicros: 0,
    ...done,
  });
}

/** The job waited past its deadline to start. Only a job that never started expires. */
export function expire(entry: Pick<LineEntry, 'attempt'>, nowMs: number): Transition {
  return finish(entry, 'line', {
    status: 'expired',
    finishedAtMs: nowMs,
    error: jobError('deadline_exceeded'),
    costUsdMicros: 0,
  });
}

/** True for a line entry that may no longer be started. */
export function isOverdue(entry: Pick<LineEntry, 'attempt' | 'startByMs'>, nowMs: number): boolean {
  return entry.attempt === 0 && nowMs > entry.startByMs;
}

export function jobError(code: JobErrorCode, message?: string): JobError {
  return { code, message: message ?? jobErrors[code].text, retryable: jobErrors[code].retryable };
}

function claimUnder(guard: Guard, attempt: number, workerId: string, nowMs: number): Transition {
  return {
    guard,
    patch: {
      status: 'running',
      place: leaseFor(workerId, nowMs),
      attempt: attempt + 1,
      // The first attempt is the start a tenant sees; later ones do not move it.
      ...(attempt === 0 ? { startedAtMs: nowMs } : {}),
    },
    effects: [],
  };
}

function leaseFor(workerId: string, nowMs: number): JobPlace {
  return { kind: 'lease', workerId, expiresAtMs: nowMs + jobLimits.leaseMs };
}

function finish(
  job: Pick<JobRecord, 'attempt'> & Partial<Pick<JobRecord, 'runningJobsMax'>>,
  from: JobPlace['kind'],
  patch: JobPatch,
): Transition {
  // Settling frees a place among the running jobs: the tickets of those that were passed over may all be put away.
  const isAwaited = from === 'lease' && typeof job.runningJobsMax === 'number';
  return {
    guard: { attempt: job.attempt, place: from },
    patch: { ...patch, place: { kind: 'done' } },
    effects: isAwaited ? [{ kind: 'settle' }, { kind: 'ticket' }] : [{ kind: 'settle' }],
  };
}
