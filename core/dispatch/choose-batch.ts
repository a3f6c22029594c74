/**
 * Which waiting jobs a worker claims now. Called with the heads of its pool's lines; pure, so the simulator and the
 * worker decide alike.
 *
 * 1. Class: interactive first, but batch gets its minimum share.
 * 2. Head: the lowest tag of that class; a job whose model is resident may go before it while its tag is within
 *    `slackTag` of the head's. That is the whole unfairness, and it is bounded.
 * 3. Mates: jobs with the head's batch key from both classes, the least behind the head of its own line first. A mate
 *    goes before no job of another key that is ahead of it in its line by more than the slack; where it goes before nobody,
 *    nobody is owed anything, and it may be as far behind as it is. Tags of the two lines cannot be compared.
 */
import type { JobClass, LineEntry } from '../job/job.ts';
import { jobClasses } from '../job/job.ts';

/** Batch work gets one of every five claims while both classes wait (tenancy.md 3). */
export const batchShareOf = 5;

export interface DispatchAsk {
  /** Head of each class's line, sorted by tag. */
  readonly lines: Readonly<Record<JobClass, readonly LineEntry[]>>;
  /** What the worker holds, as {@link modelKey} names it. */
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

export interface Choice {
  readonly head: LineEntry | null;
  /** Best first; more than one batch's worth, so that a lost race costs no second look at the line. */
  readonly mates: readonly LineEntry[];
  /**
   * Where the virtual time of the head's line stands when the head is claimed: at the lowest tag that waits there. It
   * must not be the tag of the head: that may lie ahead by the slack, and a tenant with work waiting all the time
   * would be taken for one that was idle, and lifted past what it is owed.
   */
  readonly virtualTime: number;
}

export function chooseBatch(ask: DispatchAsk): Choice {
  const line = ask.lines[chooseClass(ask)];
  const first = line[0];
  if (first === undefined) return { head: null, mates: [], virtualTime: 0 };
  const virtualTime = first.tag;

  const bound = first.tag + ask.slackTag;
  const head = line.find((entry) => entry.tag <= bound && ask.resident.has(modelKey(entry))) ?? first;
  if (ask.batchMax(head) === 1) return { head, mates: [], virtualTime };

  const behind = (entry: LineEntry) => entry.tag - (ask.lines[entry.class][0]?.tag ?? entry.tag);
  const mates = jobClasses.flatMap((jobClass) => {
    const own = ask.lines[jobClass];
    const passed = own.find(({ batchKey }) => batchKey !== head.batchKey);
    const boundTag = passed === undefined ? Number.POSITIVE_INFINITY : passed.tag + ask.slackTag;
    return own.filter(
      ({ jobId, batchKey, tag }) => jobId !== head.jobId && batchKey === head.batchKey && tag <= boundTag,
    );
  });
  return { head, mates: mates.toSorted((left, right) => behind(left) - behind(right)), virtualTime };
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

/** How a model is named among the resident ones; in a process of a tenant's own it is there for that tenant alone. */
export function modelKey(
  entry: Pick<LineEntry, 'model' | 'modelRevision'> & Partial<Pick<LineEntry, 'isolation' | 'tenantId'>>,
): string {
  return residentKey(
    entry.model,
    entry.modelRevision,
    entry.isolation === 'process' ? (entry.tenantId ?? null) : null,
  );
}

/** @param tenantId whose process it is; null for the shared one */
export function residentKey(model: string, revision: string, tenantId: string | null): string {
  return `${model}@${revision}${tenantId === null ? '' : `/${tenantId}`}`;
}
