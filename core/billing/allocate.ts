/**
 * Splits a whole amount by whole weights: everybody the whole part of its quota, then one each to those with the
 * largest remainders (Hamilton's method), equal ones in the order of their names. So the parts add up to the amount
 * exactly, and none is further than one from its quota. A weight of zero gets nothing; without any weight nobody gets
 * anything, and the amount stays with the caller.
 *
 * Amount times weight passes 2^53 for a month of GPU milliseconds, hence the big integers.
 */
export function allocate(amount: number, weights: ReadonlyMap<string, number>): Map<string, number> {
  const total = [...weights.values()].reduce((sum, weight) => sum + BigInt(weight), 0n);
  if (total === 0n) return new Map();
  const quotas = [...weights]
    .filter(([, weight]) => weight > 0)
    .map(([name, weight]) => {
      const product = BigInt(amount) * BigInt(weight);
      return { name, whole: product / total, remainder: product % total };
    });
  const given = quotas.reduce((sum, { whole }) => sum + whole, 0n);
  const left = Number(BigInt(amount) - given);
  const byRemainder = quotas.toSorted(
    (one, other) => compare(other.remainder, one.remainder) || compare(one.name, other.name),
  );
  return new Map(byRemainder.map(({ name, whole }, at) => [name, Number(whole) + (at < left ? 1 : 0)]));
}

function compare<T extends bigint | string>(one: T, other: T): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
