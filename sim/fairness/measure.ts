/** What came of a run: waits, shares, throughput. */
import type { Served } from './simulate.ts';
import type { Workload } from './workload.ts';

export interface Outcome {
  /** From arrival to start, of the quiet jobs. */
  readonly quietWaitsMs: readonly number[];
  /** Jain's index of GPU time over weight, of the tenants that had a job waiting all the time; null below two. */
  readonly jain: number | null;
  readonly backloggedTenants: number;
  /** GPU time run within the measured time. */
  readonly gpuMs: number;
  /** From the start of the measured time to the end of the last noisy job; null without one. */
  readonly drainMs: number | null;
}

export function measure(served: readonly Served[], workload: Workload): Outcome {
  const { fromMs, toMs } = workload;
  const quiet = served.filter(({ job }) => workload.isQuiet(job));
  const noisyEnds = served.filter(({ job }) => workload.isNoisy(job)).map(({ finishedAtMs }) => finishedAtMs);
  const shares = backlogged(served, workload).map((runs) => {
    const weight = runs[0]?.job.weight ?? 1;
    return runs.reduce((sum, run) => sum + ranWithin(run, fromMs, toMs), 0) / weight;
  });
  return {
    quietWaitsMs: quiet.map(({ job, startedAtMs }) => startedAtMs - job.arrivedAtMs),
    jain: shares.length < 2 ? null : jainIndex(shares),
    backloggedTenants: shares.length,
    gpuMs: served.reduce((sum, run) => sum + ranWithin(run, fromMs, toMs), 0),
    drainMs: noisyEnds.length === 0 ? null : noisyEnds.reduce((last, end) => Math.max(last, end)) - fromMs,
  };
}

/** (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything. */
export function jainIndex(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return squares === 0 ? 1 : (sum * sum) / (values.length * squares);
}

/** The runs of each tenant that had a job waiting at every moment of the measured time. */
function backlogged(served: readonly Served[], { fromMs, toMs, world }: Workload): readonly Served[][] {
  const byTenant = new Map<string, Served[]>();
  for (const run of served) {
    const runs = byTenant.get(run.job.tenantId) ?? [];
    byTenant.set(run.job.tenantId, runs);
    runs.push(run);
  }
  const all = [...byTenant.values()];
  // Closed-loop tenants hold jobs that never started, and wait by construction.
  return world.follow === undefined ? all.filter((runs) => waitsThroughout(runs, fromMs, toMs)) : all;
}

function waitsThroughout(runs: readonly Served[], fromMs: number, toMs: number): boolean {
  let coveredMs = fromMs;
  for (const { job, startedAtMs } of runs.toSorted(
    (left, right) => left.job.arrivedAtMs - right.job.arrivedAtMs,
  )) {
    if (job.arrivedAtMs > coveredMs) break;
    coveredMs = Math.max(coveredMs, startedAtMs);
  }
  return coveredMs >= toMs;
}

function ranWithin({ startedAtMs, finishedAtMs, job }: Served, fromMs: number, toMs: number): number {
  const overlap = Math.max(0, Math.min(finishedAtMs, toMs) - Math.max(startedAtMs, fromMs));
  // A job of a batch holds its share of the worker's time.
  return (overlap * job.usedGpuMs) / (finishedAtMs - startedAtMs);
}
