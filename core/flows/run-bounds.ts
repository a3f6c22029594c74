/** Stops jobs of a call that run longer than their requests allow. The time counts from the call, not from the claim. */
import type { JobRecord } from '../job/job.ts';
import type { Clock } from '../ports/process.ts';
import type { Runner } from '../ports/runner.ts';

export interface RunBounds {
  /** Jobs that were stopped. */
  readonly overlong: ReadonlySet<string>;
  stop(): void;
}

export function startRunBounds(
  { clock, runner }: { readonly clock: Clock; readonly runner: Pick<Runner, 'cancel'> },
  jobs: readonly Pick<JobRecord, 'jobId' | 'runMsMax'>[],
): RunBounds {
  const over = new AbortController();
  const overlong = new Set<string>();
  async function bound(jobId: string, ms: number): Promise<void> {
    await clock.sleep(ms, over.signal);
    if (over.signal.aborted) return;
    overlong.add(jobId);
    runner.cancel(jobId);
  }
  for (const { jobId, runMsMax } of jobs) if (runMsMax !== null) void bound(jobId, runMsMax);
  return { overlong, stop: () => over.abort() };
}
