/**
 * The Chatbot Arena replay of the VTC paper. GPU time of a request: 5 ms per unit, one unit for a prompt token and two
 * for a token written (the paper's prices). Times of arrival are stretched so that the offered load is
 * {@link offeredLoad} of the pool: it cannot serve all as it comes, and the waits are the dispatcher's.
 */
import { createRandom, predictMs } from '../random.ts';
import type { SimJob } from './simulate.ts';
import type { Workload } from './workload.ts';
import { simJob } from './workload.ts';

const msPerUnit = 5;
const offeredLoad = 1.25;

export interface ArenaRequest {
  readonly atSeconds: number;
  readonly client: string;
  readonly promptTokens: number;
  readonly outputTokens: number;
}

/** Reads the CSV of `sim/traces/`. */
export function parseArena(csv: string): ArenaRequest[] {
  const [, ...lines] = csv.trim().split('\n');
  return lines.map((line) => {
    const [atSeconds, client = '', promptTokens, outputTokens] = line.split(',');
    return {
      atSeconds: Number(atSeconds),
      client,
      promptTokens: Number(promptTokens),
      outputTokens: Number(outputTokens),
    };
  });
}

export interface ArenaOptions {
  readonly requests: readonly ArenaRequest[];
  readonly workers: number;
  /** Of the errors of prediction: the trace itself is one. */
  readonly seed: number;
  /** Without it, the quiet clients alone. */
  readonly noise: boolean;
}

/**
 * A client is quiet when all that it asks for is at most half of an equal share of the pool; noisy when it is more
 * than one.
 */
export function arenaWorkload({ requests, workers, seed, noise }: ArenaOptions): Workload {
  const total = requests.reduce((sum, request) => sum + gpuMsOf(request), 0);
  const lengthMs = total / (workers * offeredLoad);
  const jobs = jobsOf(requests, lengthMs, seed);
  const asked = askedBy(jobs);
  const equalShareMs = (lengthMs * workers) / asked.size;
  const isQuiet = (job: SimJob) => (asked.get(job.tenantId) ?? 0) <= equalShareMs / 2;
  return {
    world: { workers, jobs: noise ? jobs : jobs.filter(isQuiet) },
    meanJobMs: total / requests.length,
    isQuiet,
    isNoisy: (job) => (asked.get(job.tenantId) ?? 0) > equalShareMs,
    fromMs: lengthMs / 2,
    toMs: lengthMs,
  };
}

function jobsOf(requests: readonly ArenaRequest[], lengthMs: number, seed: number): SimJob[] {
  const random = createRandom(seed);
  const lastSeconds = requests.at(-1)?.atSeconds ?? 1;
  return requests.map((request, index) => {
    const usedGpuMs = gpuMsOf(request);
    return simJob({
      jobId: String(index).padStart(5, '0'),
      tenantId: request.client,
      arrivedAtMs: Math.round((request.atSeconds / lastSeconds) * lengthMs),
      usedGpuMs,
      predictedGpuMs: predictMs(random, usedGpuMs),
    });
  });
}

function gpuMsOf({ promptTokens, outputTokens }: ArenaRequest): number {
  return Math.max(1, msPerUnit * (promptTokens + 2 * outputTokens));
}

function askedBy(jobs: readonly SimJob[]): Map<string, number> {
  const asked = new Map<string, number>();
  for (const { tenantId, usedGpuMs } of jobs) asked.set(tenantId, (asked.get(tenantId) ?? 0) + usedGpuMs);
  return asked;
}
