/**
 * How wrong a pool's estimates were, so that its next ones say p50 and p90 and mean it. An estimate before calibration
 * is off by things it cannot see: jobs that come later with a lower tag, workers that the scaler is about to add, the
 * path of a ticket. Their sum is learned from every job that starts.
 *
 * The error of a start is scale-free: `log((actual + floor) / (estimated + floor))`. For each class and each kind of
 * start two running quantiles of it are kept, each moved by one step of the pinball loss per start: up by `step * p`
 * when the start was later than it said, down by `step * (1 - p)` otherwise. Whatever the errors are, also when they
 * drift, the share of starts that a quantile was right about then goes to `p` (Gibbs, Candès, "Adaptive conformal
 * inference under distribution shift", NeurIPS 2021; in this form the quantile tracker of Angelopoulos, Candès,
 * Tibshirani, "Conformal PID control for time series prediction", NeurIPS 2023). Steps shrink with the starts seen down
 * to a smallest one, so that a young pool learns fast and an old one still follows (Angelopoulos, Barber, Bates,
 * "Online conformal prediction with decaying step sizes", ICML 2024).
 *
 * A few numbers for each pool, whatever happens; pure.
 */
import * as z from 'zod';
import type { JobClass } from '../job/job.ts';
import { jobClasses } from '../job/job.ts';

/**
 * - `free`: a worker had nothing to do, and nothing was ahead;
 * - `line`: workers served, and others went first;
 * - `cold`: no worker served.
 */
export const startKinds = ['free', 'line', 'cold'] as const;

export type StartKind = (typeof startKinds)[number];

/** What was expected of a job's start when it was admitted, before calibration. */
export const startEstimateSchema = z.object({ waitMs: z.int().nonnegative(), kind: z.enum(startKinds) });

export type StartEstimate = z.infer<typeof startEstimateSchema>;

const errorSchema = z.object({
  /** Quantiles of the error, as logarithms. */
  p50: z.number(),
  p90: z.number(),
  seen: z.int().nonnegative(),
});

type StartError = z.infer<typeof errorSchema>;

const kindsSchema = z.object({ free: errorSchema, line: errorSchema, cold: errorSchema });

export const calibrationSchema = z.object({
  /** Raised by every write. */
  version: z.int().nonnegative(),
  errors: z.object({ interactive: kindsSchema, batch: kindsSchema }),
  /** From waking a cold pool to its first worker that serves; null before the first time. */
  wakeMs: z.int().nonnegative().nullable(),
});

export type Calibration = z.infer<typeof calibrationSchema>;

/** A job that started for the first time. */
export interface SeenStart {
  readonly class: JobClass;
  readonly estimate: StartEstimate;
  readonly waitedMs: number;
}

export interface StartTimes {
  /** As likely before as after. */
  readonly p50Ms: number;
  /** Nine of ten start by then. */
  readonly p90Ms: number;
}

const rules = {
  /** A start within this of the estimate was as good as on time: the path of a ticket takes about as long. */
  floorMs: 100,
  /** e^5 is 148 times: an error past that says nothing more, and must not move the numbers for long. */
  errorMax: 5,
  stepMax: 0.5,
  stepMin: 0.05,
  /** A wake counts this much at least, so that another kind of machine is noticed within a handful. */
  wakeShareMin: 0.25,
} as const;

/** Before anything was seen: right in the middle, and twice as long at worst. */
const prior: StartError = { p50: 0, p90: Math.log(2), seen: 0 };

export const uncalibrated: Calibration = {
  version: 0,
  errors: {
    interactive: { free: prior, line: prior, cold: prior },
    batch: { free: prior, line: prior, cold: prior },
  },
  wakeMs: null,
};

/** The two times from now by which the job may be expected to start; never negative, and never in the wrong order. */
export function calibrated(
  calibration: Calibration,
  jobClass: JobClass,
  { waitMs, kind }: StartEstimate,
): StartTimes {
  const { p50, p90 } = calibration.errors[jobClass][kind];
  const stretched = (error: number) =>
    Math.max(0, Math.round((waitMs + rules.floorMs) * Math.exp(error) - rules.floorMs));
  return { p50Ms: stretched(p50), p90Ms: stretched(Math.max(p50, p90)) };
}

/** The calibration after these starts, one after the other, as its next version. */
export function afterStarts(calibration: Calibration, starts: readonly SeenStart[]): Calibration {
  const errors = {
    interactive: { ...calibration.errors.interactive },
    batch: { ...calibration.errors.batch },
  };
  for (const { class: jobClass, estimate, waitedMs } of starts) {
    const before = errors[jobClass][estimate.kind];
    errors[jobClass][estimate.kind] = afterError(before, errorOf(estimate, waitedMs));
  }
  return { ...calibration, version: calibration.version + 1, errors };
}

/** The calibration after a cold pool was woken and served `tookMs` later; a geometric mean that forgets. */
export function afterWake(calibration: Calibration, tookMs: number): Calibration {
  const seenMs = Math.max(1, tookMs);
  const before = calibration.wakeMs;
  const wakeMs =
    before === null ? seenMs : Math.exp(Math.log(Math.max(1, before)) * (1 - rules.wakeShareMin) + Math.log(seenMs) * rules.wakeShareMin);
  return { ...calibration, version: calibration.version + 1, wakeMs: Math.round(wakeMs) };
}

function errorOf(estimate: StartEstimate, waitedMs: number): number {
  const error = Math.log((waitedMs + rules.floorMs) / (estimate.waitMs + rules.floorMs));
  return Math.min(rules.errorMax, Math.max(-rules.errorMax, error));
}

function afterError(before: StartError, error: number): StartError {
  const step = Math.max(rules.stepMin, rules.stepMax / Math.sqrt(1 + before.seen));
  const p50 = rounded(moved(before.p50, error, 0.5, step));
  const p90 = rounded(moved(before.p90, error, 0.9, step));
  return { p50, p90: Math.max(p50, p90), seen: before.seen + 1 };
}

/** One step of the pinball loss. A quantile within the errors never leaves their range by more than a step. */
function moved(quantile: number, error: number, share: number, step: number): number {
  return quantile + step * (error > quantile ? share : share - 1);
}

/** Far below the smallest step, and a stored number stays short. */
function rounded(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
