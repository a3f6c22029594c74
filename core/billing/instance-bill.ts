/**
 * What a pool's instances cost in a month: the lives of its workers, cut to the month, at the price of the instance.
 * A life runs from the worker's first word to its end or, for one that fell silent, to its last word. What an instance
 * costs before its worker speaks and after it is gone is not seen here; see `docs/decisions/0004-who-pays-for-idle.md`.
 */
import type { WorkerRecord } from '../scaling/worker-record.ts';
import { isAlive } from '../scaling/worker-record.ts';

const hourMs = 60n * 60n * 1000n;

/** From the first up to, not including, the last. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A worker's life within one month. */
export interface WorkerLife {
  readonly workerId: string;
  readonly livedMs: number;
  /** Of that, loading models; in the month the worker started, and in no later one. */
  readonly loadedMs: number;
}

export interface InstanceBill {
  readonly workers: number;
  readonly livedMs: number;
  readonly loadedMs: number;
  readonly usdMicros: number;
}

/** The month as a span of time in UTC. */
export function spanOf(month: string): Span {
  const [year, index] = [Number(month.slice(0, 4)), Number(month.slice(4)) - 1];
  return { fromMs: Date.UTC(year, index, 1), toMs: Date.UTC(year, index + 1, 1) };
}

/** The part of a worker's life that lies within the span; null when none does. */
export function lifeWithin(worker: WorkerRecord, span: Span, nowMs: number): WorkerLife | null {
  const lastMs = isAlive(worker, nowMs) ? nowMs : worker.reportedAtMs;
  const endMs = worker.phase === 'ended' ? worker.phaseSinceMs : lastMs;
  const livedMs = Math.min(endMs, span.toMs) - Math.max(worker.startedAtMs, span.fromMs);
  if (livedMs <= 0) return null;
  const loadedMs = worker.startedAtMs < span.fromMs ? 0 : Math.min(worker.loadMs, livedMs);
  return { workerId: worker.workerId, livedMs, loadedMs };
}

/** The whole bill is rounded up once, so that it does not depend on how many workers the time was spread over. */
export function instanceBill(lives: readonly WorkerLife[], usdMicrosPerHour: number): InstanceBill {
  const livedMs = lives.reduce((sum, life) => sum + life.livedMs, 0);
  const loadedMs = lives.reduce((sum, life) => sum + life.loadedMs, 0);
  return {
    workers: lives.length,
    livedMs,
    loadedMs,
    usdMicros: instanceUsdMicros(livedMs, usdMicrosPerHour),
  };
}

/** Micro-USD of instance time, rounded up; for times whose product with the price passes 2^53. */
export function instanceUsdMicros(livedMs: number, usdMicrosPerHour: number): number {
  return Number((BigInt(livedMs) * BigInt(usdMicrosPerHour) + hourMs - 1n) / hourMs);
}
