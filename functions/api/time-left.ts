import type { Clock } from '#core/ports/process.ts';

/** The time of a call. */
export interface CallTime {
  /** When it must have answered. */
  readonly endsAtMs: number;
}

/**
 * When that ends which a call may do for so long from now: no later than it must answer, as what came before, such as a
 * picture that was fetched, has taken of its time.
 */
export function endMsOf(
  { clock }: { readonly clock: Pick<Clock, 'nowMs'> },
  { endsAtMs }: CallTime,
  lastsMs: number,
): number {
  return Math.min(clock.nowMs() + lastsMs, endsAtMs);
}
