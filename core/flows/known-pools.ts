/** Every pool that may hold jobs: those of the catalog, and those that tenants have for themselves. Reads only. */
import type { Catalog } from '../models/manifest.ts';
import type { Pools } from '../ports/pools.ts';

export async function knownPools(ports: {
  readonly catalog: Catalog;
  readonly pools: Pick<Pools, 'listOwn'>;
}): Promise<string[]> {
  const pools = new Set(ports.catalog.pools());
  let cursor: string | undefined;
  do {
    const page = await ports.pools.listOwn(cursor);
    for (const pool of page.items) pools.add(pool);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return [...pools];
}
