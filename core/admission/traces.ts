/**
 * What a reservation or a note leaves in the gate as it is released: a sign that this very one stood there and is over. A
 * client that hears nothing sends its write again, and "never written" looks like "written, settled, removed": without
 * the sign, the second copy would bring it back, and it would be settled twice (docs/decisions/0014-traces-in-the-gate.md).
 *
 * A trace is of name and token together: another reservation of the name has another token, and is let in.
 */
import { shortDigest } from '../canonical.ts';
import { gateLimits } from '../limits.ts';

/** By {@link traceOf}, the second of the release by the clock of whoever released. */
export type Traces = Readonly<Record<string, number>>;

export function traceOf(name: string, token: string): string {
  return shortDigest([name, token]);
}

export function secondOf(nowMs: number): number {
  return Math.floor(nowMs / 1000);
}

/** Those of releases so long ago that no copy comes any more, and the oldest of too many. */
export function forgettableTraces(traces: Traces, nowMs: number): string[] {
  // On both sides of now: one from the future tells of a clock that jumped, and would stay that long.
  const isOver = (second: number) => Math.abs(nowMs - second * 1000) >= gateLimits.traceKeptMs;
  return Object.entries(traces)
    .toSorted(([, left], [, right]) => right - left)
    .filter(([, second], index) => index >= gateLimits.tracesMax || isOver(second))
    .map(([trace]) => trace);
}
