/**
 * Pools of tenants' own on a laptop: a queue made when the first job asks for it, and again at every start for those
 * that were enlisted before. A crash between the two leaves a queue that nobody knows, and no job without one.
 */
import { knownPools } from '#core/flows/known-pools.ts';
import type { Catalog } from '#core/models/manifest.ts';
import type { OwnPools, Pools } from '#core/ports/pools.ts';

export interface LocalOwnPools extends OwnPools {
  /** Every pool that has a queue. */
  names(): readonly string[];
}

/** Makes the queues of the pools that tenants have; those of the catalog are there. */
export async function createOwnPools(options: {
  readonly catalog: Catalog;
  readonly pools: Pick<Pools, 'enlist' | 'listOwn'>;
  readonly addQueue: (pool: string) => void;
}): Promise<LocalOwnPools> {
  const { catalog, pools, addQueue } = options;
  const ready = new Set(catalog.pools());
  const make = (pool: string) => {
    if (!ready.has(pool)) addQueue(pool);
    ready.add(pool);
  };
  for (const pool of await knownPools({ catalog, pools })) make(pool);
  const enlisted = new Set(ready);
  return {
    names: () => [...ready],
    async open(pool) {
      if (enlisted.has(pool)) return;
      make(pool);
      await pools.enlist(pool);
      enlisted.add(pool);
    },
  };
}
