/**
 * How wrong a pool's estimates were, so that its next ones say p50 and p90 and mean it. An estimate before calibration
 * is off by things it cannot see: jobs that come later with a lower tag, workers that the scaler is about to add, the
 * path of a ticket. Their sum is learned from every job that starts.
 *
 * The error of a start is scale-free: `log((actual + floor) / (estimated + floor))`. For each class and each kind of
 * start two running quantiles of it are kept, each moved by one step of the pinball loss per start: up by `step * p`
 * when the start was late, down by `step * (1 - p)` otherwise. Whatever the errors are, also when they drift, the share
 * of starts that were not late then goes to `p` (Gibbs, Candès, "Adaptive conformal inference under distribution shift",
 * NeurIPS 2021; in this form the quantile tracker of Angelopoulos, Candès, Tibshirani, "Conformal PID control for time
 * series prediction", NeurIPS 2023). Steps shrink with the starts seen down to a smallest one, so that a young pool
 * learns fast and an old one still follows (Angelopoulos, Barber, Bates, "Online conformal prediction with decaying step
 * sizes", ICML 2024).
 *
 * Errors come in late: a job that waited an hour was told by the numbers of an hour ago. Counted against what was told,
 * every job of a burst pushes once more at what its first ones have put right; counted against the numbers of now, what
 * was told may stay wrong for ever. So a start that is late by one of the two counts half.
 *
 * A job that never starts teaches nothing. A few numbers for each pool, whatever happens; pure.
 */
import * as z from 'zod';
import type { JobClass } from '../job/job.ts';

/**
 * - `free`: a worker had nothing to do, and nothing was ahead;
 * - `line`: workers served, and others went first;
 * - `cold`: no worker served.
 */
export const startKinds = ['free', 'line', 'cold'] as const;

export type StartKind = (typeof startKinds)[number];

const wholeSchema = z.int().nonnegative();

/** What was expected of a start, before calibration. */
export interface StartEstimate {
  readonly waitMs: number;
  readonly kind: StartKind;
}

/** What a job was told of its start when it was admitted, and from what. */
export const toldStartSchema = z.object({
  waitMs: wholeSchema,
  kind: z.enum(startKinds),
  p50Ms: wholeSchema,
  p90Ms: wholeSchema,
});

export type ToldStart = z.infer<typeof toldStartSchema>;

const errorSchema = z.object({
  /** Quantiles of the error, as logarithms. */
  p50: z.number(),
  p90: z.number(),
  seen: wholeSchema,
});

type StartError = z.infer<typeof errorSchema>;

const kindsSchema = z.object({ free: errorSchema, line: errorSchema, cold: errorSchema });

export const calibrationSchema = z.object({
  /** Raised by every write. */
  version: wholeSchema,
  errors: z.object({ interactive: kindsSchema, batch: kindsSchema }),
  /** From waking a cold pool to its first worker that serves; null before the first time. */
  wakeMs: wholeSchema.nullable(),
});

export type Calibration = z.infer<typeof calibrationSchema>;

/** A job that started for the first time. */
export interface SeenStart {
  readonly class: JobClass;
  readonly told: ToldStart;
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
  /** Fifty times the estimate, and a fiftieth: a quantile past that says nothing, and takes long to come back. */
  quantileMax: 4,
  stepMax: 0.5,
  stepMin: 0.03,
  /** Of a step, for a start that was late by what it was told or by the numbers of now, and not by both. */
  halfLate: 0.5,
  /** A wake counts this much at least, so that another kind of machine is noticed within a handful. */
  wakeShareMin: 0.25,
} as const;

/** Before anything was seen: right in the middle, and two and a half times as long at worst. */
const prior: StartError = { p50: 0, p90: Math.log(2.5), seen: 0 };

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
  for (const start of starts) {
    const kinds = errors[start.class];
    kinds[start.told.kind] = afterStart(kinds[start.told.kind], start);
  }
  return { ...calibration, version: calibration.version + 1, errors };
}

/** The calibration after a cold pool was woken and served `tookMs` later; a geometric mean that forgets. */
export function afterWake(calibration: Calibration, tookMs: number): Calibration {
  const seenMs = Math.max(1, tookMs);
  const before = calibration.wakeMs;
  const wakeMs =
    before === null
      ? seenMs
      : Math.exp(
          Math.log(Math.max(1, before)) * (1 - rules.wakeShareMin) + Math.log(seenMs) * rules.wakeShareMin,
        );
  return { ...calibration, version: calibration.version + 1, wakeMs: Math.round(wakeMs) };
}

function afterStart(before: StartError, { told, waitedMs }: SeenStart): StartError {
  const error = Math.log((waitedMs + rules.floorMs) / (told.waitMs + rules.floorMs));
  const step = Math.max(rules.stepMin, rules.stepMax / Math.sqrt(1 + before.seen));
  const p50 = before.p50 + step * stepShare(0.5, waitedMs > told.p50Ms, error > before.p50);
  const p90 = before.p90 + step * stepShare(0.9, waitedMs > told.p90Ms, error > before.p90);
  return { p50: kept(p50), p90: kept(Math.max(p50, p90)), seen: before.seen + 1 };
}

function stepShare(share: number, isLateAsTold: boolean, isLateNow: boolean): number {
  if (!isLateAsTold && !isLateNow) return share - 1;
  return isLateAsTold && isLateNow ? share : share * rules.halfLate;
}

/** Within bounds, and rounded far below the smallest step, so that a stored number stays short. */
function kept(quantile: number): number {
  const bounded = Math.min(rules.quantileMax, Math.max(-rules.quantileMax, quantile));
  return Math.round(bounded * 10_000) / 10_000;
}
