import { describe, expect, it } from 'vitest';
import { workerLimits } from '../limits.ts';
import { sampleWorker } from '../samples.ts';
import { instanceBill, instanceUsdMicros, lifeWithin, spanOf } from './instance-bill.ts';

const march = spanOf('203003');
const hourMs = 60 * 60 * 1000;
const later = march.toMs + 10 * 24 * hourMs;

describe('a worker’s life within a month', () => {
  const started = march.fromMs + hourMs;
  const ended = { startedAtMs: started, loadMs: 5_000 };

  it('runs from its start to its end', () => {
    const worker = sampleWorker({
      ...ended,
      phase: 'ended',
      phaseSinceMs: started + 90_000,
      reportedAtMs: started + 90_001,
    });

    expect(lifeWithin(worker, march, later)).toMatchObject({ livedMs: 90_000, loadedMs: 5_000 });
  });

  it('ends with the last word of a worker that fell silent', () => {
    const worker = sampleWorker({ ...ended, phase: 'serving', reportedAtMs: started + 60_000 });

    expect(lifeWithin(worker, march, later)).toMatchObject({ livedMs: 60_000 });
  });

  it('goes on to now for a worker that was heard of a moment ago', () => {
    const worker = sampleWorker({ ...ended, phase: 'serving', reportedAtMs: started + 60_000 });

    const life = lifeWithin(worker, march, started + 60_000 + workerLimits.silentMs);

    expect(life?.livedMs).toBe(60_000 + workerLimits.silentMs);
  });

  it('is cut at both ends of the month, and its loads count where it started', () => {
    const worker = sampleWorker({
      phase: 'serving',
      startedAtMs: march.toMs - hourMs,
      loadMs: 5_000,
      reportedAtMs: march.toMs + hourMs,
    });

    expect(lifeWithin(worker, march, later)).toMatchObject({ livedMs: hourMs, loadedMs: 5_000 });
    expect(lifeWithin(worker, spanOf('203004'), later)).toMatchObject({ livedMs: hourMs, loadedMs: 0 });
    expect(lifeWithin(worker, spanOf('203002'), later)).toBeNull();
  });

  it('is never shorter than what it spent loading', () => {
    const worker = sampleWorker({
      startedAtMs: march.toMs - 1_000,
      loadMs: 5_000,
      reportedAtMs: later,
    });

    expect(lifeWithin(worker, march, later)).toMatchObject({ livedMs: 1_000, loadedMs: 1_000 });
  });
});

describe('the instance bill', () => {
  const life = (livedMs: number) => ({ workerId: `worker-${livedMs}`, livedMs, loadedMs: 0 });

  it('is the hourly price for an hour, however many workers made it up', () => {
    expect(instanceBill([life(hourMs)], 526_000).usdMicros).toBe(526_000);
    expect(instanceBill([life(hourMs / 2), life(hourMs / 2)], 526_000).usdMicros).toBe(526_000);
    expect(instanceBill([], 526_000).usdMicros).toBe(0);
  });

  it('is exact where milliseconds times price pass what a number can hold', () => {
    const yearOfThousandMs = 1_000 * 365 * 24 * hourMs;

    expect(instanceUsdMicros(yearOfThousandMs, 98_320_001)).toBe(1_000 * 365 * 24 * 98_320_001);
    expect(instanceUsdMicros(yearOfThousandMs + 1, 98_320_001)).toBe(1_000 * 365 * 24 * 98_320_001 + 28);
  });
});

describe('the span of a month', () => {
  it('ends where the next begins, over the turn of a year', () => {
    expect(spanOf('202912').toMs).toBe(spanOf('203001').fromMs);
  });
});
