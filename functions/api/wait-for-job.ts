/**
 * Long polling: how long the client wants to wait, and the waiting. A client may ask by `?wait=n`, or by `Prefer:
 * wait` or `Prefer: wait=n` (RFC 7240), which gives way to the query.
 */
import type { JobRecord } from '#core/job/job.ts';
import { isTerminal } from '#core/job/job.ts';
import { apiLimits } from '#core/limits.ts';
import type { Jobs } from '#core/ports/jobs.ts';
import type { Clock } from '#core/ports/process.ts';

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

/** Of the call that waits: when it must have answered, and whether its client is still there. */
export interface Waiting {
  readonly endsAtMs: number;
  readonly gone: AbortSignal;
}

/**
 * The job once it has ended, or as it stands when `waitMs` or the call's time are over or the client is gone. Looks at
 * once and then in doubling steps, each an eventually consistent read.
 */
export async function waitForJob(
  { clock, jobs }: { readonly clock: Clock; readonly jobs: Pick<Jobs, 'get'> },
  job: JobRecord,
  waitMs: number,
  { endsAtMs, gone }: Waiting,
): Promise<JobRecord> {
  // What came before, such as a picture that was fetched, has taken of the call's time.
  const endMs = Math.min(clock.nowMs() + waitMs, endsAtMs);
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
