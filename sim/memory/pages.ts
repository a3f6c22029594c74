import type { Page } from '#core/ports/page.ts';
import { copy } from './copy.ts';
import { compareText } from './sorted.ts';

/** Small, so that a test of some dozens of items meets several pages. */
const pageSize = 25;

/** One page of what is sorted by `keyOf`. The cursor is the key of the last item, so it survives inserts. */
export function pageOf<T>(items: Iterable<T>, keyOf: (item: T) => string, cursor?: string): Page<T> {
  const rest = [...items]
    .filter((item) => cursor === undefined || keyOf(item) > cursor)
    .toSorted((left, right) => compareText(keyOf(left), keyOf(right)));
  const page = rest.slice(0, pageSize);
  const last = page.at(-1);
  return {
    items: copy(page),
    cursor: last !== undefined && rest.length > pageSize ? keyOf(last) : null,
  };
}
