/** Arrays kept in order: cheap to read from the front, which is what lines and lists are asked for. */

/** Negative when `left` comes first; 0 only for an item and itself. */
export type Compare<T> = (left: T, right: T) => number;

export function insertSorted<T>(items: T[], item: T, compare: Compare<T>): void {
  items.splice(indexIn(items, item, compare), 0, item);
}

/** Removes the item that compares equal; no effect when there is none. */
export function removeSorted<T>(items: T[], item: T, compare: Compare<T>): void {
  const index = indexIn(items, item, compare);
  const found = items[index];
  if (found !== undefined && compare(found, item) === 0) items.splice(index, 1);
}

export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Index of the first item that does not come before this one. */
function indexIn<T>(items: readonly T[], item: T, compare: Compare<T>): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = items[middle];
    if (candidate !== undefined && compare(candidate, item) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
