/**
 * Jobs for the runs of the estimates, from request traces. GPU time of a request is its units times a fixed time, one
 * unit for a prompt token and two for a token written (the prices of the VTC paper). Times of arrival are stretched so
 * that the offered load is a given share of what all workers of the pool can do.
 */
import type { ArenaRequest } from '#sim/fairness/arena.ts';
import type { SimJob } from '#sim/fairness/simulate.ts';
import { simJob } from '#sim/fairness/workload.ts';
import type { Random } from '#sim/random.ts';
import { createRandom, predictMs } from '#sim/random.ts';

export interface Trace {
  readonly name: string;
  readonly requests: readonly ArenaRequest[];
  readonly msPerUnit: number;
}

export interface TraceOptions {
  readonly trace: Trace;
  readonly workers: number;
  /** Work that arrives over work that all workers can do. */
  readonly load: number;
  readonly seed: number;
}

/** Every fourth tenant sends work of class `batch`; weights go 1, 2, 4 around. */
const batchEvery = 4;
const weights = [1, 2, 4];
/** Requests of like size share a call, where calls are shared. */
const sizes = 2;

export function traceJobs({ trace, workers, load, seed }: TraceOptions): SimJob[] {
  const { requests, msPerUnit } = trace;
  const random = createRandom(seed);
  const workMs = requests.map((request) => gpuMsOf(request, msPerUnit));
  const lengthMs = workMs.reduce((sum, ms) => sum + ms, 0) / (workers * load);
  const firstSeconds = requests[0]?.atSeconds ?? 0;
  const spanSeconds = Math.max(1, (requests.at(-1)?.atSeconds ?? 1) - firstSeconds);
  const middleMs = workMs.toSorted((left, right) => left - right)[workMs.length >> 1] ?? 0;
  return requests.map((request, index) => {
    const usedGpuMs = workMs[index] ?? 1;
    const tenant = Number(request.client);
    return simJob({
      jobId: String(index).padStart(5, '0'),
      tenantId: request.client,
      weight: weights[tenant % weights.length] ?? 1,
      class: tenant % batchEvery === batchEvery - 1 ? 'batch' : 'interactive',
      batchKey: String(Math.min(sizes - 1, Math.floor(usedGpuMs / Math.max(1, middleMs)))),
      arrivedAtMs: Math.round(((request.atSeconds - firstSeconds) / spanSeconds) * lengthMs),
      usedGpuMs,
      predictedGpuMs: predictMs(random, usedGpuMs),
    });
  });
}

function gpuMsOf({ promptTokens, outputTokens }: ArenaRequest, msPerUnit: number): number {
  return Math.max(1, msPerUnit * (promptTokens + 2 * outputTokens));
}

/** Clients of traces that name none, by the shares of ServeGen: the first 30 %, the first tenth 71 %. */
const clients = 40;
const firstShare = 0.3;
const firstTenthShare = 0.71;

/** Reads a CSV of the Azure LLM inference traces: `TIMESTAMP,ContextTokens,GeneratedTokens`. */
export function parseAzure(csv: string, seed: number): ArenaRequest[] {
  const random = createRandom(seed);
  const [, ...lines] = csv.trim().split('\n');
  return lines.map((line) => {
    const [time = '', promptTokens, outputTokens] = line.trim().split(',');
    return {
      atSeconds: secondsOf(time),
      client: String(clientOf(random)),
      promptTokens: Number(promptTokens),
      outputTokens: Number(outputTokens),
    };
  });
}

/** Reads a CSV of the Mooncake traces: `t_ms,input_tokens,output_tokens`. */
export function parseMooncake(csv: string, seed: number): ArenaRequest[] {
  const random = createRandom(seed);
  const [, ...lines] = csv.trim().split('\n');
  return lines.map((line) => {
    const [atMs, promptTokens, outputTokens] = line.split(',');
    return {
      atSeconds: Number(atMs) / 1000,
      client: String(clientOf(random)),
      promptTokens: Number(promptTokens),
      outputTokens: Number(outputTokens),
    };
  });
}

/** `2023-11-16 18:17:03.9799600`: seven digits of a second, more than a date holds. */
function secondsOf(time: string): number {
  const [whole = '', fraction = '0'] = time.split('.');
  return Date.parse(`${whole.replace(' ', 'T')}Z`) / 1000 + Number(`0.${fraction}`);
}

function clientOf(random: Random): number {
  const draw = random();
  if (draw < firstShare) return 0;
  const tenth = clients / 10;
  if (draw < firstTenthShare) return 1 + Math.floor(random() * (tenth - 1));
  return tenth + Math.floor(random() * (clients - tenth));
}
