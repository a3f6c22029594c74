/** Jobs as answers: the resource with what it waits for, and the headers that go with it. */
import type { JobResource, WaitView } from '#core/api/job-resource.ts';
import { presentJob } from '#core/api/job-resource.ts';
import { calibrated } from '#core/eta/calibration.ts';
import type { Outlook } from '#core/eta/outlook.ts';
import type { Outlooks } from '#core/flows/outlooks.ts';
import type { JobRecord } from '#core/job/job.ts';
import { lineEntryOf } from '#core/job/job.ts';
import type { Clock, Log } from '#core/ports/process.ts';

export interface AnswerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly outlooks: Outlooks;
}

/** Looks at a pool only for jobs that wait in its line, and at each pool once. */
export async function presentJobs(deps: AnswerDeps, jobs: readonly JobRecord[]): Promise<JobResource[]> {
  const pools = new Set(jobs.filter(isWaiting).map(({ pool }) => pool));
  const seen = new Map(
    await Promise.all([...pools].map(async (pool) => [pool, await outlookOn(deps, pool)] as const)),
  );
  const nowMs = deps.clock.nowMs();
  return jobs.map((job) => {
    const outlook = isWaiting(job) ? (seen.get(job.pool) ?? null) : null;
    return presentJob(job, outlook && viewOf(job, outlook, nowMs));
  });
}

/** Null when the pool cannot be looked at: its jobs stand all the same, and their answers say so. */
async function outlookOn({ log, outlooks }: AnswerDeps, pool: string): Promise<Outlook | null> {
  try {
    return await outlooks.of(pool);
  } catch (error) {
    log.warn('answer.wait_untold', { pool, reason: String(error) });
    return null;
  }
}

export async function presentOneJob(deps: AnswerDeps, job: JobRecord): Promise<JobResource> {
  const [presented] = await presentJobs(deps, [job]);
  if (presented === undefined) throw new Error('one job makes one answer');
  return presented;
}

function isWaiting({ place }: JobRecord): boolean {
  return place.kind === 'line';
}

/** As of the look, so that two answers from one look are the same to the letter; only never in the past. */
function viewOf(job: JobRecord, outlook: Outlook, nowMs: number): WaitView {
  const { atMs, calibration, isPaused } = outlook.seen;
  const { ahead, isExact, start } = outlook.placeOf(lineEntryOf(job), atMs);
  const { p50Ms, p90Ms } = calibrated(calibration, job.class, start);
  return {
    reason: outlook.reason,
    ahead,
    isExact,
    start: isPaused ? null : { atMs: Math.max(nowMs, atMs + p50Ms), atP90Ms: Math.max(nowMs, atMs + p90Ms) },
    phase: outlook.phase,
    atMs,
  };
}

export function jobHeaders(job: JobRecord): Record<string, string | undefined> {
  return {
    'x-pilotlight-job-id': job.jobId,
    'x-pilotlight-cache': job.receipt?.cachedFrom === undefined ? undefined : 'hit',
    'x-pilotlight-cost-usd': job.costUsdMicros === null ? undefined : decimalUsd(job.costUsdMicros),
  };
}

/** Whole micro-USD as a decimal number of USD: 1,234,560 is `1.23456`. */
export function decimalUsd(usdMicros: number): string {
  const fraction = String(usdMicros % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const whole = String(Math.floor(usdMicros / 1_000_000));
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
