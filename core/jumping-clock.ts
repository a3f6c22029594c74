/** Spans of time under a clock that may jump either way between two looks at it. */

/**
 * Whether what was learnt at `sinceMs` still counts at `nowMs`, `keptMs` long on either side: what was learnt under a
 * clock that ran a day ahead and was put right must not count for that day.
 */
export function isFresh(sinceMs: number, keptMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - sinceMs) < keptMs;
}

/** How long it took, in milliseconds. Never negative, which no record may be, though the clock jumped back meanwhile. */
export function tookMs(sinceMs: number, nowMs: number): number {
  return Math.max(0, nowMs - sinceMs);
}
