import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '#sim/random.ts';
import type { Calibration, SeenStart } from './calibration.ts';
import {
  afterStarts,
  afterWake,
  calibrated,
  calibrationSchema,
  startKinds,
  uncalibrated,
} from './calibration.ts';

const estimate = { waitMs: 10_000, kind: 'line' } as const;

/** Tells a job, lets it wait, learns from it; answers the shares that were told right, of the last half. */
function live(calibration: Calibration, waits: readonly number[]) {
  let now = calibration;
  const told = waits.map((waitedMs) => {
    const times = calibrated(now, 'interactive', estimate);
    now = afterStarts(now, [{ class: 'interactive', told: { ...estimate, ...times }, waitedMs }]);
    return { ...times, waitedMs };
  });
  const counted = told.slice(told.length / 2);
  const shareOf = (isRight: (each: (typeof told)[number]) => boolean) =>
    counted.filter(isRight).length / counted.length;
  return {
    now,
    p50Right: shareOf((each) => each.waitedMs <= each.p50Ms),
    p90Right: shareOf((each) => each.waitedMs <= each.p90Ms),
  };
}

/** Waits spread log-normally around `middleMs`. */
function waitsAround(middleMs: number, count: number, seed: number): number[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.round(middleMs * Math.exp(0.5 * normal));
  });
}

describe('calibration', () => {
  it.each([2_000, 10_000, 50_000])('comes to tell the quantiles of waits around %i ms', (middleMs) => {
    const { p50Right, p90Right } = live(uncalibrated, waitsAround(middleMs, 4_000, 1));

    expect(p50Right).toBeGreaterThan(0.45);
    expect(p50Right).toBeLessThan(0.55);
    expect(p90Right).toBeGreaterThan(0.88);
    expect(p90Right).toBeLessThan(0.92);
  });

  it('follows when everything takes three times as long from one moment on', () => {
    const { now } = live(uncalibrated, waitsAround(5_000, 2_000, 1));

    const { p90Right } = live(now, waitsAround(15_000, 1_000, 2));

    expect(p90Right).toBeGreaterThan(0.87);
    expect(p90Right).toBeLessThan(0.93);
  });

  it('is right as often as it says when it hears of starts only two hundred jobs later', () => {
    const waits = [...waitsAround(5_000, 3_000, 3), ...waitsAround(15_000, 3_000, 4)];
    const underWay: SeenStart[] = [];
    let calibration = uncalibrated;
    let right = 0;
    for (const waitedMs of waits) {
      const times = calibrated(calibration, 'interactive', estimate);
      if (waitedMs <= times.p90Ms) right += 1;
      underWay.push({ class: 'interactive', told: { ...estimate, ...times }, waitedMs });
      if (underWay.length > 200) calibration = afterStarts(calibration, underWay.splice(0, 1));
    }

    expect(right / waits.length).toBeGreaterThan(0.85);
    expect(right / waits.length).toBeLessThan(0.95);
  });

  it('tells p50 no later than p90, neither negative, and stays small, whatever it saw', () => {
    const anyStart = fc.record({
      class: fc.constantFrom('interactive' as const, 'batch' as const),
      told: fc.record({
        waitMs: fc.nat(),
        kind: fc.constantFrom(...startKinds),
        p50Ms: fc.nat(),
        p90Ms: fc.nat(),
      }),
      waitedMs: fc.nat({ max: 7 * 24 * 3_600_000 }),
    });
    fc.assert(
      fc.property(fc.array(anyStart, { maxLength: 200 }), fc.nat(), (starts, waitMs) => {
        const calibration = afterStarts(uncalibrated, starts);

        expect(calibrationSchema.parse(calibration)).toEqual(calibration);
        expect(JSON.stringify(calibration).length).toBeLessThan(600);
        for (const kind of startKinds) {
          const { p50Ms, p90Ms } = calibrated(calibration, 'batch', { waitMs, kind });
          expect(p50Ms).toBeGreaterThanOrEqual(0);
          expect(p90Ms).toBeGreaterThanOrEqual(p50Ms);
        }
      }),
    );
  });

  it('tells a longer wait for a longer estimate', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (left, right) => {
        const [short, long] = [Math.min(left, right), Math.max(left, right)].map((waitMs) =>
          calibrated(uncalibrated, 'interactive', { waitMs, kind: 'line' }),
        );

        expect(long?.p50Ms).toBeGreaterThanOrEqual(short?.p50Ms ?? 0);
        expect(long?.p90Ms).toBeGreaterThanOrEqual(short?.p90Ms ?? 0);
      }),
    );
  });

  it('keeps classes and kinds of start apart', () => {
    const { now } = live(uncalibrated, waitsAround(50_000, 50, 1));

    expect(now.errors.batch).toEqual(uncalibrated.errors.batch);
    expect(now.errors.interactive.cold).toEqual(uncalibrated.errors.interactive.cold);
    expect(now.errors.interactive.line).not.toEqual(uncalibrated.errors.interactive.line);
  });

  it('takes the first wake at its word and each later one by a quarter', () => {
    const first = afterWake(uncalibrated, 20_000);

    const second = afterWake(first, 40_000);

    expect(first).toMatchObject({ version: 1, wakeMs: 20_000 });
    expect(second).toMatchObject({ version: 2, wakeMs: Math.round(20_000 * 2 ** 0.25) });
  });
});
