/**
 * How much of a bare loop's throughput is left behind each server of `served-models.ts`, what a job costs of the processor, and
 * how long jobs take at four fifths of that load. All take turns, round by round, so that whatever else the machine does
 * falls on each of them.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchReport } from './bench.ts';
import { median, quantile } from './bench.ts';
import { latenciesOf } from './open-loop.ts';
import type { Server, Serving } from './served-models.ts';
import { baselineOf, baselines, engineAlone, fullCallMs, itemsMax, wholeStack } from './served-models.ts';

type Row = BenchReport['rows'][number];

export interface ServersAsk {
  readonly jobs: number;
  readonly rounds: number;
  /** Jobs at 80 % of the bare loop's throughput; a 99th percentile of fewer than a thousand says little. */
  readonly latencyJobs: number;
  /** A Python that has bentoml, litserve, fastapi and uvicorn, or some of them. */
  readonly python: string;
}

/** Four calls' worth are asked for at any time. */
const clients = 4 * itemsMax;
/** Of the bare loop's throughput (scaling.md section 5). */
export const keptLeast = 0.9;
const loadShare = 0.8;

interface Measured {
  readonly server: Server;
  /** Seconds that each round took. */
  readonly seconds: number[];
  /** Processor time of each round; empty where the system does not tell. */
  readonly cpuMs: number[];
  latenciesMs: readonly number[];
}

/** @returns `kept`: the medians of what our engine alone and the whole stack kept of the bare loop */
export async function serverRows(
  ask: ServersAsk,
): Promise<{ rows: Row[]; kept: { readonly engine: number; readonly stack: number } }> {
  const found = await Promise.all(baselines.map((each) => baselineOf(ask.python, each)));
  const servers = [engineAlone, wholeStack, ...found.filter((each) => each !== null)];
  const measured = servers.map((server): Measured => ({ server, seconds: [], cpuMs: [], latenciesMs: [] }));
  const bareSeconds: number[] = [];
  for (let round = 0; round < ask.rounds; round += 1) {
    bareSeconds.push(await secondsOf(() => bareLoop(ask.jobs)));
    for (const each of measured) await throughputRound(each, ask.jobs);
  }
  const keptOf = ({ seconds }: Measured) =>
    seconds.map((took, round) => (bareSeconds[round] ?? Number.NaN) / took);
  for (const each of measured) {
    // What cannot keep up has a line that grows for as long as it is measured.
    if (median(keptOf(each)) > loadShare) await latencyRound(each, ask.latencyJobs);
  }
  const missing = baselines.filter((_, index) => found[index] === null);
  const [engine, stack] = measured.map((each) => median(keptOf(each)));
  return {
    rows: [
      bareRow(bareSeconds, ask),
      ...measured.map((each) => rowOf(each, keptOf(each), ask)),
      ...missing.map(({ name, packages }) => ({
        server: `${name} (not measured: needs ${packages.join(' and ')})`,
        jobs: ask.jobs,
      })),
    ],
    kept: { engine: engine ?? Number.NaN, stack: stack ?? Number.NaN },
  };
}

async function bareLoop(jobs: number): Promise<void> {
  for (let done = 0; done < jobs; done += itemsMax) await delay(fullCallMs);
}

async function throughputRound(measured: Measured, jobs: number): Promise<void> {
  await opened(measured.server, async (serving) => {
    const beforeMs = serving.cpuMs();
    measured.seconds.push(await secondsOf(() => askAll(serving, jobs)));
    const afterMs = serving.cpuMs();
    if (beforeMs !== null && afterMs !== null) measured.cpuMs.push(afterMs - beforeMs);
  });
}

async function latencyRound(measured: Measured, requests: number): Promise<void> {
  const perSecond = (loadShare * itemsMax * 1000) / fullCallMs;
  await opened(measured.server, async (serving) => {
    measured.latenciesMs = await latenciesOf(() => serving.ask(), { perSecond, requests, seed: 1 });
  });
}

/** Warm: what a first call costs is another figure. */
async function opened(server: Server, act: (serving: Serving) => Promise<void>): Promise<void> {
  const serving = await server.open();
  try {
    await askAll(serving, itemsMax);
    await act(serving);
  } finally {
    await serving.close();
  }
}

async function askAll(serving: Serving, jobs: number): Promise<void> {
  let left = jobs;
  const asking = async () => {
    while (left > 0) {
      left -= 1;
      await serving.ask();
    }
  };
  await Promise.all(Array.from({ length: clients }, asking));
}

function bareRow(seconds: readonly number[], { jobs, rounds }: ServersAsk): Row {
  const server = 'bare loop, calls of eight';
  return { server, version: '-', jobs, rounds, seconds: median(seconds).toFixed(1) };
}

function rowOf(
  { server, seconds, cpuMs, latenciesMs }: Measured,
  kept: readonly number[],
  { jobs, rounds }: ServersAsk,
): Row {
  return {
    server: server.name,
    version: server.version,
    jobs,
    rounds,
    seconds: median(seconds).toFixed(1),
    'of the bare loop': median(kept).toFixed(3),
    range: `${Math.min(...kept).toFixed(3)}..${Math.max(...kept).toFixed(3)}`,
    'CPU ms a job': cpuMs.length === 0 ? '-' : (median(cpuMs) / jobs).toFixed(1),
    'jobs at 80 %': latenciesMs.length,
    'p50 ms': latenciesMs.length === 0 ? '-' : median(latenciesMs).toFixed(0),
    'p99 ms': latenciesMs.length === 0 ? '-' : quantile(latenciesMs, 0.99).toFixed(0),
  };
}

async function secondsOf(act: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await act();
  return (performance.now() - startedAtMs) / 1000;
}
