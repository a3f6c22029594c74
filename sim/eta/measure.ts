/** How right the times were that jobs were told, beside what simpler forecasters would have told them. */
import type { StartTimes } from '#core/eta/calibration.ts';
import type { Started } from './pool.ts';

/** A job, what it was told, and how long it waited. */
export interface Forecast {
  readonly told: StartTimes;
  readonly waitedMs: number;
}

/** A way to tell times, and what it would have told. In the order in which the jobs were admitted. */
export type Forecaster = (starts: readonly Started[]) => readonly Forecast[];

export interface Score {
  readonly jobs: number;
  /** Share of jobs that started by the time told. */
  readonly p50Right: number;
  readonly p90Right: number;
  /** p90 over the actual wait, in the middle: 1 would be clairvoyant. Waits under a second count as one. */
  readonly p90OverActual: number;
  /** Mean pinball loss of both quantiles, seconds: what punishes being late and being vague alike. */
  readonly lossSeconds: number;
}

const second = 1_000;
/** Of the last waits that the naive forecaster looks back on. */
const lookedBack = 20;
const naiveMargin = 1.5;

/** What the product tells. */
export const calibratedForecast: Forecaster = (starts) =>
  byArrival(starts).map((start) => ({ told: start.told, waitedMs: waitOf(start) }));

/** The same estimate, taken at its word. */
export const uncalibratedForecast: Forecaster = (starts) =>
  byArrival(starts).map((start) => {
    const { waitMs } = start.told;
    return { told: { p50Ms: waitMs, p90Ms: waitMs }, waitedMs: waitOf(start) };
  });

/** The mean wait of the last twenty jobs that started before, and half as much again at most. */
export const lastWaitsForecast: Forecaster = (starts) => {
  const last: number[] = [];
  let next = 0;
  return byArrival(starts).map((start) => {
    for (
      let done = starts[next];
      done !== undefined && done.startedAtMs < start.job.arrivedAtMs;
      done = starts[next]
    ) {
      last.push(waitOf(done));
      if (last.length > lookedBack) last.shift();
      next += 1;
    }
    const meanMs = last.reduce((sum, wait) => sum + wait, 0) / Math.max(1, last.length);
    return { told: { p50Ms: meanMs, p90Ms: naiveMargin * meanMs }, waitedMs: waitOf(start) };
  });
};

export function scoreOf(forecasts: readonly Forecast[]): Score {
  const jobs = forecasts.length;
  const shareOf = (isSo: (forecast: Forecast) => boolean) => forecasts.filter(isSo).length / jobs;
  const ratios = forecasts.map(
    ({ told, waitedMs }) => Math.max(second, told.p90Ms) / Math.max(second, waitedMs),
  );
  const loss = forecasts.reduce(
    (sum, { told, waitedMs }) =>
      sum + pinball(told.p50Ms, waitedMs, 0.5) + pinball(told.p90Ms, waitedMs, 0.9),
    0,
  );
  return {
    jobs,
    p50Right: shareOf(({ told, waitedMs }) => waitedMs <= told.p50Ms),
    p90Right: shareOf(({ told, waitedMs }) => waitedMs <= told.p90Ms),
    p90OverActual: ratios.toSorted((left, right) => left - right)[jobs >> 1] ?? Number.NaN,
    lossSeconds: loss / jobs / second,
  };
}

function pinball(toldMs: number, actualMs: number, share: number): number {
  const late = actualMs - toldMs;
  return late > 0 ? share * late : (share - 1) * late;
}

function byArrival(starts: readonly Started[]): Started[] {
  return starts.toSorted((left, right) => left.job.arrivedAtMs - right.job.arrivedAtMs);
}

function waitOf({ job, startedAtMs }: Started): number {
  return startedAtMs - job.arrivedAtMs;
}
