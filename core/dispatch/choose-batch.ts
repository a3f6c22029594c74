/**
 * Which waiting jobs a worker claims now. Called with the heads of its pool's lines; pure, so the simulator and the
 * worker decide alike.
 *
 * 1. Class: interactive first, but batch gets its minimum share.
 * 2. Head: the lowest tag of that class; a job whose model is resident may go before it while its tag is within
 *    `slackTag` of the head's. That is the whole unfairness, and it is bounded.
 * 3. Mates: jobs with the head's batch key, in tag order, within the same slack, from both classes.
 */
import type { JobClass, LineEntry } from '../job/job.ts';

/** Batch work gets one of every five claims while both classes wait (tenancy.md 3). */
export const batchShareOf = 5;

export interface DispatchAsk {
  /** Head of each class's line, sorted by tag. */
  readonly lines: Readonly<Record<JobClass, readonly LineEntry[]>>;
  /** `model@revision` of what the worker holds. */
  readonly resident: ReadonlySet<string>;
  /** How many jobs of a model fit one call. */
  readonly batchMax: (entry: LineEntry) => number;
  /** How far behind the head a preferred job may be, in tag units: one model load's worth. */
  readonly slackTag: number;
  /** Claims of interactive jobs since the last batch-class claim, while batch jobs waited. */
  readonly interactiveInARow: number;
  /** Batch work gets one of every `batchShareOf` claims. */
  readonly batchShareOf: number;
}

/** Best first. More than one batch's worth of candidates, so that a lost race costs no second look at the line. */
export function chooseBatch(ask: DispatchAsk): { head: LineEntry | null; mates: readonly LineEntry[] } {
  const line = ask.lines[chooseClass(ask)];
  const first = line[0];
  if (first === undefined) return { head: null, mates: [] };

  const bound = first.tag + ask.slackTag;
  const head = line.find((entry) => entry.tag <= bound && ask.resident.has(modelKey(entry))) ?? first;
  if (ask.batchMax(head) === 1) return { head, mates: [] };

  const mates = [...ask.lines.interactive, ...ask.lines.batch].filter(
    (entry) => entry.jobId !== head.jobId && entry.batchKey === head.batchKey && entry.tag <= bound,
  );
  return { head, mates: mates.toSorted((left, right) => left.tag - right.tag) };
}

export function chooseClass(
  ask: Pick<DispatchAsk, 'lines' | 'interactiveInARow' | 'batchShareOf'>,
): JobClass {
  const { interactive, batch } = ask.lines;
  if (interactive.length === 0) return 'batch';
  if (batch.length === 0) return 'interactive';
  return ask.interactiveInARow >= ask.batchShareOf - 1 ? 'batch' : 'interactive';
}

/** `interactiveInARow` after a claim from the line of `claimed`, out of these lines. */
export function inARowAfter(
  { lines, interactiveInARow }: Pick<DispatchAsk, 'lines' | 'interactiveInARow'>,
  claimed: JobClass,
): number {
  return claimed === 'interactive' && lines.batch.length > 0 ? interactiveInARow + 1 : 0;
}

/** How a model is named among the resident ones. */
export function modelKey(entry: { readonly model: string; readonly modelRevision: string }): string {
  return `${entry.model}@${entry.modelRevision}`;
}
