/**
 * What a worker says of itself, as the fleet view, the estimates of waiting and the instance bill read it. It says so
 * at every change of phase and every `workerLimits.reportMs`; nothing that keeps a job safe depends on it.
 * - `starting`: the process runs and takes no tickets yet.
 * - `loading`: a model is on its way into memory.
 * - `serving`: takes tickets; runs `runningJobs` of them now.
 * - `draining`: ends what it runs and takes nothing more.
 * - `ended`: left in good order. A worker that was killed is silent instead.
 */
import * as z from 'zod';
import { workerLimits } from '../limits.ts';

export const workerPhases = ['starting', 'loading', 'serving', 'draining', 'ended'] as const;

export type WorkerPhase = (typeof workerPhases)[number];

const wholeSchema = z.int().nonnegative();

export const workerRecordSchema = z.object({
  workerId: z.string(),
  pool: z.string(),
  phase: z.enum(workerPhases),
  phaseSinceMs: wholeSchema,
  startedAtMs: wholeSchema,
  /** Grows with every word of the worker. */
  reportedAtMs: wholeSchema,
  /** `model@revision` of every resident model, with `/tenant` where it is in a process of that tenant's own. */
  resident: z.array(z.string()),
  runningJobs: wholeSchema,
  /** Time in model calls since the start. */
  busyMs: wholeSchema,
  /** Time loading models since the start, prewarming included. */
  loadMs: wholeSchema,
});

export type WorkerRecord = z.infer<typeof workerRecordSchema>;

/** Share of its life that the worker spent in batches, up to its last word and without the batch under way then. */
export function busyShare({ startedAtMs, reportedAtMs, busyMs }: WorkerRecord): number {
  const livedMs = reportedAtMs - startedAtMs;
  return livedMs <= 0 ? 0 : Math.round(1_000 * Math.min(1, busyMs / livedMs)) / 1_000;
}

/** Whether the worker is there: it has not ended, and was heard of within `workerLimits.silentMs`. */
export function isAlive({ phase, reportedAtMs }: WorkerRecord, nowMs: number): boolean {
  return phase !== 'ended' && nowMs - reportedAtMs <= workerLimits.silentMs;
}
