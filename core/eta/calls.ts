/**
 * A line as the model calls that its jobs will be claimed in. Dispatch decides late and with the workers' residents in
 * view; this is what it would do with the entries of one line alone, in the order of their tags: a job joins the last
 * call of its batch key that has room where it goes before no job of another key by more than the slack, as in
 * `dispatch/choose-batch.ts`, and opens a call of its own otherwise. Left out: mates from the other class, and resident models going first within the slack.
 */
import type { LineEntry } from '../job/job.ts';

export interface CallRules {
  /** How many jobs of a model fit one call. */
  readonly batchMax: (entry: LineEntry) => number;
  /** GPU time that a call spends once, however many jobs share it: every further job costs that much less. */
  readonly sharedMs: (entry: LineEntry) => number;
  /** How far behind a job of another key a mate that goes before it may be, in tag units. */
  readonly slackTag: number;
}

export interface Call {
  readonly jobs: number;
  readonly workMs: number;
}

export interface CalledLine {
  /** In the order in which their heads stand in the line. */
  readonly calls: readonly Call[];
  /** For each entry, by its place in the line, the index of its call. */
  readonly callOf: readonly number[];
}

/** `entries` in the order of the line. */
export function callsOf(entries: readonly LineEntry[], rules: CallRules): CalledLine {
  const calls: { jobs: number; workMs: number; readonly headTag: number }[] = [];
  const lastOfKey = new Map<string, number>();
  const callOf = entries.map((entry) => {
    const open = lastOfKey.get(entry.batchKey) ?? -1;
    const call = calls[open];
    // The next call is of another key: this one is the last of its own.
    const passedTag = calls[open + 1]?.headTag ?? entry.tag;
    const hasRoom = call !== undefined && call.jobs < rules.batchMax(entry);
    if (hasRoom && entry.tag - passedTag <= rules.slackTag) {
      call.jobs += 1;
      call.workMs += Math.max(0, entry.predictedGpuMs - rules.sharedMs(entry));
      return open;
    }
    calls.push({ jobs: 1, workMs: entry.predictedGpuMs, headTag: entry.tag });
    lastOfKey.set(entry.batchKey, calls.length - 1);
    return calls.length - 1;
  });
  return { calls, callOf };
}
