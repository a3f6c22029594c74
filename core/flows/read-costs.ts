/** Where a month's instance bill went, pool by pool. Reads only; nothing to repair. */
import type { PoolCosts } from '../billing/statement.ts';
import { withShares } from '../billing/statement.ts';
import { knownPools } from './known-pools.ts';
import type { CostPorts } from './month-accounts.ts';
import { dividePool, readAccounts } from './month-accounts.ts';

/** By pool: statements where they are made, drafts where not. @param month `YYYYMM` */
export async function readCosts(ports: CostPorts, month: string): Promise<PoolCosts[]> {
  const nowMs = ports.clock.nowMs();
  const stated = await ports.ledger.statements(month);
  const closed = new Set(stated.map(({ pool }) => pool));
  const pools = await knownPools(ports);
  const open = pools.filter((pool) => !closed.has(pool));
  const accounts = open.length === 0 ? [] : await readAccounts(ports, month);
  const drafts: PoolCosts[] = [];
  for (const pool of open) {
    const { unshared, shares } = await dividePool(ports, { month, pool, pools, accounts, nowMs });
    drafts.push({ ...withShares(unshared, shares.values()), closedAtMs: null });
  }
  return [...stated, ...drafts].toSorted((left, right) => (left.pool < right.pool ? -1 : 1));
}
