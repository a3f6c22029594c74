/** Adds up runs: what the report of many seeds says. Plain data, so that a child process can send it. */
import type { Effort, RunReport } from './run.ts';

export interface Tally {
  runs: number;
  operations: number;
  jobs: number;
  calls: number;
  storm: { stormy: Effort; calm: Effort };
  simulatedMs: number;
  /** `site kind` to how often. */
  hits: Record<string, number>;
  sites: string[];
  /** Seeds that broke a promise, with the first one broken. */
  broken: { seed: number; violation: string }[];
}

const noEffort: Effort = { requests: 0, accepted: 0 };

export function emptyTally(): Tally {
  const storm = { stormy: noEffort, calm: noEffort };
  return {
    runs: 0,
    operations: 0,
    jobs: 0,
    calls: 0,
    storm,
    simulatedMs: 0,
    hits: {},
    sites: [],
    broken: [],
  };
}

export function addRun(tally: Tally, run: RunReport): void {
  const hits = Object.fromEntries(run.hits);
  addTally(tally, {
    runs: 1,
    operations: run.operations,
    jobs: run.jobs,
    calls: run.calls,
    storm: run.storm ?? { stormy: noEffort, calm: noEffort },
    simulatedMs: run.tookMs,
    hits,
    sites: [...run.sites],
    broken: run.violations.slice(0, 1).map((violation) => ({ seed: run.seed, violation })),
  });
}

export function addTally(tally: Tally, more: Tally): void {
  tally.runs += more.runs;
  tally.operations += more.operations;
  tally.jobs += more.jobs;
  tally.calls += more.calls;
  tally.storm = {
    stormy: plus(tally.storm.stormy, more.storm.stormy),
    calm: plus(tally.storm.calm, more.storm.calm),
  };
  tally.simulatedMs += more.simulatedMs;
  for (const [name, count] of Object.entries(more.hits)) tally.hits[name] = (tally.hits[name] ?? 0) + count;
  tally.sites = [...new Set([...tally.sites, ...more.sites])].toSorted();
  tally.broken.push(...more.broken);
}

function plus(left: Effort, right: Effort): Effort {
  return { requests: left.requests + right.requests, accepted: left.accepted + right.accepted };
}
