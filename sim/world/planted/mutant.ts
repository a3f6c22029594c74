/** One planted bug. */
export interface Mutant {
  readonly name: string;
  /** What somebody who writes it would have got wrong. */
  readonly mistake: string;
  readonly file: string;
  /** Stands in the file exactly once, so that none outlives what it breaks. */
  readonly find: string;
  readonly replace: string;
  /** A world that has found it, of one that takes hundreds to find: looked at first. */
  readonly seed?: number;
}
