/**
 * Long polling: how long the client wants to wait, and the waiting, which holds a place (`place.ts`). A client may ask by
 * `?wait=n`, or by `Prefer: wait` or `Prefer: wait=n` (RFC 7240), which gives way to the query.
 */
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { apiLimits } from '#core/limits.ts';
import type { Jobs } from '#core/ports/jobs.ts';
import type { HeldPlace, PlaceDeps } from './place.ts';
import { findPlace } from './place.ts';
import type { CallTime } from './time-left.ts';
import { endMsOf } from './time-left.ts';

export interface Wait {
  readonly waitMs: number;
  /** Says that the `Prefer` header was followed. */
  readonly headers: { readonly 'preference-applied'?: string };
}

export function waitOf(
  query: { readonly wait?: number | undefined },
  headers: { readonly prefer?: string | undefined },
): Wait {
  if (query.wait !== undefined) return { waitMs: query.wait * 1000, headers: {} };
  const preferredSeconds = preferredWait(headers.prefer ?? '');
  if (preferredSeconds === null) return { waitMs: 0, headers: {} };
  return { waitMs: preferredSeconds * 1000, headers: { 'preference-applied': 'wait' } };
}

/** Preferences that are not ours are ignored, as RFC 7240 asks; a longer wait than ours is cut to ours. */
function preferredWait(prefer: string): number | null {
  for (const preference of prefer.split(',')) {
    const match = /^\s*wait\s*(?:=\s*"?(\d{1,9})"?\s*)?(?:;.*)?$/i.exec(preference);
    if (match !== null)
      return Math.min(Number(match[1] ?? apiLimits.waitSecondsMax), apiLimits.waitSecondsMax);
  }
  return null;
}

/** Of the call that waits: its time, and whether its client is still there. */
interface Waiting extends CallTime {
  readonly gone: AbortSignal;
}

interface WaitDeps extends PlaceDeps {
  readonly jobs: Pick<Jobs, 'get'>;
}

/**
 * The job once it has ended, or as it stands when `waitMs` or the call's time are over or the client is gone; soon, where
 * the tenant has no place left.
 */
export function waitForJob(
  deps: WaitDeps,
  job: JobRecord,
  waitMs: number,
  call: Waiting,
): Promise<JobRecord> {
  const endMs = endMsOf(deps, call, waitMs);
  return boundedWait(deps, job, endMs, (until) => endOf(deps, job, until, call.gone));
}

/**
 * What `watch` finds by the instant that it is given, for a call that answers whatever its job has come to: by `endMs`. It
 * holds one of the tenant's places unless there is nothing to wait for, or not for long; where it gets none, the wait is cut
 * short.
 */
export async function boundedWait<T>(
  deps: PlaceDeps,
  job: JobRecord,
  endMs: number,
  watch: (endMs: number) => Promise<T>,
): Promise<T> {
  const startMs = deps.clock.nowMs();
  if (endMs - startMs <= apiLimits.briefWaitMs || isTerminal(job)) return watch(endMs);
  const place = await placeIfAny(deps, job);
  // Not at once: there are clients that ask again without a pause.
  if (place === null) return watch(startMs + apiLimits.pollMsMax);
  try {
    return await watch(endMs);
  } finally {
    await place.release();
  }
}

async function placeIfAny(deps: PlaceDeps, { tenantId, jobId }: JobRecord): Promise<HeldPlace | null> {
  try {
    return await findPlace(deps, tenantId);
  } catch (error) {
    deps.log.warn('wait.no_place', { tenantId, jobId, reason: String(error) });
    return null;
  }
}

/**
 * The job once it has ended, or as it stands at `endMs`, for a call that has its place. Looks at once and then in
 * doubling steps, each an eventually consistent read.
 */
export async function endOf(
  { clock, jobs }: Pick<WaitDeps, 'clock' | 'jobs'>,
  job: JobRecord,
  endMs: number,
  gone: AbortSignal,
): Promise<JobRecord> {
  let latest = job;
  let pauseMs: number = apiLimits.pollMsMin;
  while (!isTerminal(latest) && clock.nowMs() < endMs && !gone.aborted) {
    await clock.sleep(Math.min(pauseMs, endMs - clock.nowMs()), gone);
    pauseMs = Math.min(2 * pauseMs, apiLimits.pollMsMax);
    // A read that lags behind the creation finds nothing yet.
    latest = (await jobs.get(job.tenantId, job.jobId)) ?? latest;
  }
  return latest;
}
