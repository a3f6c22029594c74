/** The model of a request that names none. */
import type { Catalog, Manifest } from './manifest.ts';

/**
 * The first by id of this task that the caller may use. Models that only take time come last, variants of others not at all.
 * @param granted model ids that tenant and key may use; null: every one
 */
export function defaultModel(
  catalog: Catalog,
  granted: readonly string[] | null,
  task: Manifest['task'],
): string | null {
  const usable = catalog
    .list()
    .map(({ manifest }) => manifest)
    .filter(
      ({ id, task: own, variant }) =>
        own === task && variant === undefined && granted?.includes(id) !== false,
    )
    .toSorted((left, right) => rankOf(left) - rankOf(right) || (left.id < right.id ? -1 : 1));
  return usable[0]?.id ?? null;
}

function rankOf({ engine }: Manifest): number {
  return engine === 'fake' ? 1 : 0;
}
