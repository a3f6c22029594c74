/**
 * How right the times are that waiting jobs are told, in simulated time: the product's own rules over request traces,
 * beside the same estimate without calibration and a forecast from the last waits, over the very same starts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Forecaster } from '#sim/eta/measure.ts';
import { calibratedForecast, lastWaitsForecast, scoreOf, uncalibratedForecast } from '#sim/eta/measure.ts';
import type { Started } from '#sim/eta/pool.ts';
import type { Scenario } from '#sim/eta/scenarios.ts';
import { runScenario, scenariosOf } from '#sim/eta/scenarios.ts';
import type { Trace } from '#sim/eta/workload.ts';
import { parseAzure, parseMooncake } from '#sim/eta/workload.ts';
import { parseArena } from '#sim/fairness/arena.ts';
import type { Bench, BenchReport } from './bench.ts';
import { wholeFlag } from './bench.ts';

type Row = BenchReport['rows'][number];

/** Issue 4: the p90 is right in 85 to 95 % of simulated cases, on each trace. */
const bar = { least: 0.85, most: 0.95 };
/** Of the long traces: the whole of them tells the same and takes four times as long. */
const requestsMax = 3_000;

const forecasters: Readonly<Record<string, Forecaster>> = {
  pilotlight: calibratedForecast,
  'estimate alone': uncalibratedForecast,
  'last 20 waits x 1.5': lastWaitsForecast,
};

export const etaBench: Bench = async (flags) => {
  const seeds = Array.from({ length: wholeFlag(flags, 'seeds', 2) }, (_, index) => index + 1);
  const rows: Row[] = [];
  const failures: string[] = [];
  for (const trace of traces()) {
    const runs = scenariosOf(trace).map((scenario) => {
      return { scenario, starts: seeds.map((seed) => runScenario(scenario, seed)) };
    });
    rows.push(...runs.map(({ scenario, starts }) => rowOf(scenario, starts)));
    const all = runs.flatMap(({ starts }) => starts);
    rows.push(...Object.entries(forecasters).map(([name, forecast]) => totalOf(trace, name, forecast, all)));
    const { p90Right } = scoreOf(all.flatMap(calibratedForecast));
    if (p90Right < bar.least || p90Right > bar.most) {
      failures.push(
        `${trace.name}: p90 right in ${percent(p90Right)} %, not ${100 * bar.least} to ${100 * bar.most}`,
      );
    }
  }
  return { rows, failures };
};

function traces(): Trace[] {
  const read = (name: string) =>
    gunzipSync(readFileSync(join(import.meta.dirname, '..', 'sim', 'traces', name))).toString('utf8');
  const code = parseAzure(read('azure-llm-2023-code.csv.gz'), 1).slice(0, requestsMax);
  const kimi = parseMooncake(read('mooncake-conversation.csv.gz'), 1).slice(0, requestsMax);
  return [
    { name: 'azure code', requests: code, msPerUnit: 2 },
    { name: 'arena', requests: parseArena(read('vtc-arena-10min.csv.gz')), msPerUnit: 5 },
    // Held out: no number of the estimate or of its calibration was chosen with it.
    { name: 'mooncake', requests: kimi, msPerUnit: 1 },
  ];
}

function rowOf({ trace, workers, load, bootMs, batchMax }: Scenario, runs: readonly Started[][]): Row {
  const cell = {
    trace: trace.name,
    forecast: 'pilotlight',
    workers,
    batch: batchMax,
    load,
    'boot s': bootMs / 1000,
  };
  return { ...cell, ...columnsOf(calibratedForecast, runs) };
}

function totalOf(trace: Trace, name: string, forecast: Forecaster, runs: readonly Started[][]): Row {
  const all = { workers: 'all', batch: '', load: '', 'boot s': '' };
  return { trace: trace.name, forecast: name, ...all, ...columnsOf(forecast, runs) };
}

function columnsOf(forecast: Forecaster, runs: readonly Started[][]): Row {
  const score = scoreOf(runs.flatMap(forecast));
  const waitMs = runs.flat().reduce((sum, { job, startedAtMs }) => sum + startedAtMs - job.arrivedAtMs, 0);
  return {
    jobs: score.jobs,
    'mean wait s': (waitMs / score.jobs / 1000).toFixed(1),
    'p90 right %': percent(score.p90Right),
    'p50 right %': percent(score.p50Right),
    'p90 / actual': score.p90OverActual.toFixed(2),
    'loss s': score.lossSeconds.toFixed(1),
  };
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
