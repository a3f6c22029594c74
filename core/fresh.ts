/** How long what a process remembers counts, under a clock that may jump. */

/**
 * Whether what was learnt at `sinceMs` still counts at `nowMs`, `keptMs` long on either side: what was learnt under a
 * clock that ran a day ahead and was put right must not count for that day.
 */
export function isFresh(sinceMs: number, keptMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - sinceMs) < keptMs;
}
