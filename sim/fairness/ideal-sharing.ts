/**
 * What no dispatcher can do: every tenant with open jobs has its weighted share of the pool at every moment (max-min,
 * a job on at most one worker), jobs run in fractions, are cut short and taken up again at no cost, and nothing is
 * predicted. A lower bound on nothing but unfairness: the delay here is what a tenant owes to its own jobs and to
 * the others' rights, and a dispatcher answers for what it adds.
 */
import type { SimJob } from './simulate.ts';

interface Open {
  readonly job: SimJob;
  leftMs: number;
  rate: number;
}

/** How much longer than its own GPU time each job took from arrival to end. */
export function idealDelays(jobs: readonly SimJob[], workers: number): ReadonlyMap<SimJob, number> {
  const arrivals = jobs.toSorted((left, right) => left.arrivedAtMs - right.arrivedAtMs);
  const tenants = new Map<string, Open[]>();
  const delays = new Map<SimJob, number>();
  let nowMs = 0;
  let arrived = 0;

  for (;;) {
    const running = shareOut(tenants, workers);
    const nextEndMs = running.reduce(
      (soonest, open) => Math.min(soonest, nowMs + open.leftMs / open.rate),
      Number.POSITIVE_INFINITY,
    );
    const next = arrivals[arrived];
    const untilMs = Math.min(nextEndMs, next?.arrivedAtMs ?? Number.POSITIVE_INFINITY);
    if (!Number.isFinite(untilMs)) return delays;

    for (const open of running) open.leftMs -= open.rate * (untilMs - nowMs);
    nowMs = untilMs;
    if (next !== undefined && next.arrivedAtMs <= nowMs) {
      arrived += 1;
      const opens = tenants.get(next.tenantId) ?? [];
      tenants.set(next.tenantId, opens);
      opens.push({ job: next, leftMs: next.usedGpuMs, rate: 0 });
    }
    for (const { job } of takeEnded(tenants, running))
      delays.set(job, nowMs - job.arrivedAtMs - job.usedGpuMs);
  }
}

/** Sets the rate of every job that runs, and returns those: a tenant's oldest jobs first, one worker each at most. */
function shareOut(tenants: ReadonlyMap<string, readonly Open[]>, workers: number): Open[] {
  const waiting = [...tenants.values()].filter((opens) => opens.length > 0);
  // Those that want the least for their weight first: what they leave is for the others.
  const hungrier = waiting.toSorted(
    (left, right) => left.length / weightOf(left) - right.length / weightOf(right),
  );
  let capacity = workers;
  let weights = hungrier.reduce((sum, opens) => sum + weightOf(opens), 0);
  const running: Open[] = [];
  for (const opens of hungrier) {
    const share = Math.min(opens.length, (capacity * weightOf(opens)) / weights);
    capacity -= share;
    weights -= weightOf(opens);
    for (let index = 0; index < share; index += 1) {
      const open = opens[index];
      if (open === undefined) break;
      open.rate = Math.min(1, share - index);
      running.push(open);
    }
  }
  return running;
}

function weightOf(opens: readonly Open[]): number {
  return opens[0]?.job.weight ?? 1;
}

/** Removes the jobs that have nothing left to do, but for what rounding leaves. */
function takeEnded(tenants: Map<string, Open[]>, running: readonly Open[]): Open[] {
  const ended = running.filter((open) => open.leftMs <= 1e-6);
  for (const open of ended) {
    const opens = tenants.get(open.job.tenantId) ?? [];
    opens.splice(opens.indexOf(open), 1);
  }
  return ended;
}
