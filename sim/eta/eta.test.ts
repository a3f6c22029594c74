import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ArenaRequest } from '#sim/fairness/arena.ts';
import { parseArena } from '#sim/fairness/arena.ts';
import type { Forecast } from './measure.ts';
import { calibratedForecast, lastWaitsForecast, scoreOf, uncalibratedForecast } from './measure.ts';
import type { Started } from './pool.ts';
import { runScenario, scenariosOf } from './scenarios.ts';
import type { Trace } from './workload.ts';
import { parseAzure, parseMooncake, traceJobs } from './workload.ts';

function readTrace(name: string): string {
  return gunzipSync(readFileSync(join(import.meta.dirname, '..', 'traces', name))).toString('utf8');
}

/** Short enough for a test: the benchmark runs more of it. */
const requestsOf: Record<string, () => ArenaRequest[]> = {
  'azure code': () => parseAzure(readTrace('azure-llm-2023-code.csv.gz'), 1).slice(0, 1_000),
  arena: () => parseArena(readTrace('vtc-arena-10min.csv.gz')),
};

describe.each([
  ['azure code', 2],
  ['arena', 5],
])('over the trace %s', (name, msPerUnit) => {
  const seed = 1;
  let trace: Trace;
  let runs: readonly (readonly Started[])[];

  beforeAll(() => {
    trace = { name, requests: requestsOf[name]?.() ?? [], msPerUnit };
    runs = scenariosOf(trace).map((scenario) => runScenario(scenario, seed));
  });

  it('tells a p90 that is right in 85 to 95 of a hundred cases, and a p50 in about every second', () => {
    const score = scoreOf(runs.flatMap(calibratedForecast));

    expect(score.p90Right).toBeGreaterThan(0.85);
    expect(score.p90Right).toBeLessThan(0.95);
    expect(score.p50Right).toBeGreaterThan(0.45);
    expect(score.p50Right).toBeLessThan(0.57);
  });

  it('is right where the estimate alone and the last waits are not', () => {
    expect(scoreOf(runs.flatMap(uncalibratedForecast)).p90Right).toBeLessThan(0.85);
    expect(scoreOf(runs.flatMap(lastWaitsForecast)).p90Right).toBeLessThan(0.85);
  });

  it('never tells a p50 past its p90, nor a time in the past', () => {
    const wrong = runs.flat().filter(({ told }) => told.p50Ms < 0 || told.p90Ms < told.p50Ms);

    expect(wrong).toEqual([]);
  });

  it('starts every job of the trace once, and none before it came', () => {
    for (const run of runs) {
      expect(new Set(run.map(({ job }) => job.jobId)).size).toBe(trace.requests.length);
      expect(run.filter(({ job, startedAtMs }) => startedAtMs < job.arrivedAtMs)).toEqual([]);
    }
  });
});

describe('the score of a forecast', () => {
  const forecast = (p50Ms: number, p90Ms: number, waitedMs: number): Forecast => ({
    told: { p50Ms, p90Ms },
    waitedMs,
  });

  it('counts what was in time, and punishes being late and being vague', () => {
    const score = scoreOf([forecast(2_000, 4_000, 2_000), forecast(1_000, 3_000, 4_000)]);

    expect(score).toMatchObject({ jobs: 2, p50Right: 0.5, p90Right: 0.5 });
    // Pinball: 0 + 0.1 x 2 s for the first; 0.5 x 3 s + 0.9 x 1 s for the second.
    expect(score.lossSeconds).toBeCloseTo((0.2 + 1.5 + 0.9) / 2);
  });
});

describe('jobs of a trace', () => {
  it('are read from the Mooncake traces too', () => {
    const [, next] = parseMooncake('t_ms,input_tokens,output_tokens\n0,6758,500\n1500,7322,490\n', 1);

    expect(next).toMatchObject({ atSeconds: 1.5, promptTokens: 7_322, outputTokens: 490 });
  });

  it('offer the load asked for, in the order and with the gaps of the trace', () => {
    const requests = requestsOf.arena?.() ?? [];
    const jobs = traceJobs({
      trace: { name: 'arena', requests, msPerUnit: 5 },
      workers: 4,
      load: 0.8,
      seed: 1,
    });

    const workMs = jobs.reduce((sum, job) => sum + job.usedGpuMs, 0);
    const lengthMs = (jobs.at(-1)?.arrivedAtMs ?? 0) - (jobs[0]?.arrivedAtMs ?? 0);
    expect(workMs / (4 * lengthMs)).toBeCloseTo(0.8, 3);
    expect(new Set(jobs.map((job) => job.class))).toEqual(new Set(['interactive', 'batch']));
  });

  it('keep the fractions of a second of an Azure trace', () => {
    const csv =
      'TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319600,3180,8\r\n';

    const [first, next] = parseAzure(csv, 1);

    expect(first).toMatchObject({ promptTokens: 4_808, outputTokens: 10 });
    expect((next?.atSeconds ?? 0) - (first?.atSeconds ?? 0)).toBeCloseTo(0.052, 4);
  });
});
