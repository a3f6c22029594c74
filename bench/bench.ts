/** What every benchmark is: a function from flags to rows, and to the promises it found broken. */

export type BenchFlags = Readonly<Record<string, string | boolean | undefined>>;

export interface BenchReport {
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  /** Promises that did not hold; the command then exits with 1. */
  readonly failures: readonly string[];
}

export type Bench = (flags: BenchFlags) => Promise<BenchReport>;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The value that `share` of all values do not pass. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** A flag that makes no sense: one line and exit code 2. */
export class FlagError extends Error {}

/** A whole-number flag, or what it is without one. Throws {@link FlagError}. */
export function wholeFlag(flags: BenchFlags, name: string, otherwise: number): number {
  const value = flags[name];
  if (value === undefined) return otherwise;
  if (typeof value !== 'string' || !/^\d+$/.test(value))
    throw new FlagError(`--${name} must be a whole number`);
  return Number(value);
}
