/**
 * What one process remembers of the batches that it works at. Nothing depends on it: a process that knows nothing reads the
 * lines again and asks once more what it was refused.
 */
import type { LineText } from './read-lines.ts';

export interface BatchDesk {
  /** Lines that were opened by this process, and not asked for. */
  has(batchId: string, number: number): boolean;
  textOf(batchId: string, number: number): LineText | null;
  keep(batchId: string, line: LineText): void;
  /** Lines that are over, or have a job. */
  forget(batchId: string, numbers: Iterable<number>): void;
  /** Before this instant nothing can be asked for; 0: now. */
  waitsUntilMs(batchId: string): number;
  wait(batchId: string, untilMs: number): void;
  /** Counts submissions of the line that came too late; how many there were. */
  noteLate(batchId: string, number: number): number;
  /** Since when a limit has had no room before the batch expires, while nothing of it runs; null: it has. */
  noteFull(batchId: string, nowMs: number | null): number | null;
  /** Numbers of lines with a repeated id, read once. */
  repeatedOf(batchId: string, read: () => Promise<ReadonlySet<number>>): Promise<ReadonlySet<number>>;
  /** Everything of batches that are not among these. */
  clear(atWork: ReadonlySet<string>): void;
}

interface Notes {
  readonly texts: Map<number, LineText>;
  readonly late: Map<number, number>;
  untilMs: number;
  fullSinceMs: number | null;
  repeated: Promise<ReadonlySet<number>> | null;
}

export function createBatchDesk(): BatchDesk {
  const batches = new Map<string, Notes>();
  function of(batchId: string): Notes {
    const notes = batches.get(batchId) ?? {
      texts: new Map(),
      late: new Map(),
      untilMs: 0,
      fullSinceMs: null,
      repeated: null,
    };
    batches.set(batchId, notes);
    return notes;
  }
  return {
    has: (batchId, number) => of(batchId).texts.has(number),
    textOf: (batchId, number) => of(batchId).texts.get(number) ?? null,
    keep: (batchId, line) => void of(batchId).texts.set(line.line.number, line),
    forget(batchId, numbers) {
      for (const number of numbers) of(batchId).texts.delete(number);
    },
    waitsUntilMs: (batchId) => of(batchId).untilMs,
    wait(batchId, untilMs) {
      of(batchId).untilMs = untilMs;
    },
    noteLate(batchId, number) {
      const { late } = of(batchId);
      const times = (late.get(number) ?? 0) + 1;
      late.set(number, times);
      return times;
    },
    noteFull(batchId, nowMs) {
      const notes = of(batchId);
      notes.fullSinceMs = nowMs === null ? null : (notes.fullSinceMs ?? nowMs);
      return notes.fullSinceMs;
    },
    repeatedOf(batchId, read) {
      const notes = of(batchId);
      notes.repeated ??= read().catch((error: unknown) => {
        notes.repeated = null;
        throw error;
      });
      return notes.repeated;
    },
    clear(atWork) {
      for (const batchId of batches.keys()) if (!atWork.has(batchId)) batches.delete(batchId);
    },
  };
}
