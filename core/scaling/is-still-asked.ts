export interface DesiredChange {
  readonly desired: number;
  /** What was asked for when it was decided. */
  readonly before: number;
}

/**
 * Whether a fleet that is asked for `asked` workers takes the change: nobody has asked for another number since, or this very
 * change was made already and its answer lost.
 */
export function isStillAsked(asked: number, { desired, before }: DesiredChange): boolean {
  return asked === before || asked === desired;
}
