/**
 * Closes a month: for every pool, shares out what it cost beyond the jobs it charged, where tenants pay at cost, and
 * writes the statement that says where every micro-USD of its bill went.
 *
 * Order and crashes:
 * 1. read workers, tenants and their ledgers: nothing of the month moves any more, see `costLimits.closeAfterMs`;
 * 2. append one share per tenant that was served, of nothing too: the first one decides, for every run at once, because
 *    they may see other budgets and refunds. A crash leaves some; the next run finds those and appends the others;
 * 3. state, once, by the shares that are in the ledger. A pool that is stated is closed: no run looks at it again.
 *
 * Entries never change: should a run find another bill than the one that crashed before it, the shares of that one
 * stand, and the operator's line, written last, takes up the difference. So the month adds up whatever happened.
 */
import { monthOf } from '../admission/windows.ts';
import { spanOf } from '../billing/instance-bill.ts';
import type { ShareParts } from '../billing/month-shares.ts';
import type { Statement } from '../billing/statement.ts';
import { withShares } from '../billing/statement.ts';
import { costLimits } from '../limits.ts';
import type { Log } from '../ports/process.ts';
import { knownPools } from './known-pools.ts';
import type { Account, CostPorts, PoolMonth } from './month-accounts.ts';
import { dividePool, readAccounts } from './month-accounts.ts';

export interface ClosePorts extends CostPorts {
  readonly log: Log;
}

export type CloseOutcome =
  /** By pool; also when an earlier run has closed it. */
  | { readonly kind: 'closed'; readonly statements: readonly Statement[] }
  /** Jobs of the month may still settle. */
  | { readonly kind: 'too_early'; readonly closesAtMs: number };

/** @param month `YYYYMM` */
export async function closeMonth(ports: ClosePorts, month: string): Promise<CloseOutcome> {
  const closesAtMs = spanOf(month).toMs + costLimits.closeAfterMs;
  const nowMs = ports.clock.nowMs();
  if (nowMs < closesAtMs) return { kind: 'too_early', closesAtMs };
  const stated = new Set((await ports.ledger.statements(month)).map(({ pool }) => pool));
  const pools = await knownPools(ports);
  const open = pools.filter((pool) => !stated.has(pool));
  const accounts = open.length === 0 ? [] : await readAccounts(ports, month);
  for (const pool of open) await closePool(ports, { month, pool, pools, accounts, nowMs });
  return { kind: 'closed', statements: await ports.ledger.statements(month) };
}

/** The month that should be closed by now, `YYYYMM`: the last one that ended `costLimits.closeAfterMs` ago or longer. */
export function dueMonth(nowMs: number): string {
  const { fromMs } = spanOf(monthOf(nowMs - costLimits.closeAfterMs));
  return monthOf(fromMs - 1);
}

async function closePool(ports: ClosePorts, ask: PoolMonth): Promise<void> {
  const { month, pool, accounts, nowMs } = ask;
  const divided = await dividePool(ports, ask);
  const shares: ShareParts[] = [];
  for (const account of accounts) {
    const written = account.month.shares.get(pool);
    const owed = divided.shares.get(account.tenant.tenantId);
    if (written !== undefined) shares.push(written);
    else if (owed !== undefined) shares.push(await appendShare(ports, account, { month, pool, nowMs, owed }));
  }
  const stated = { ...withShares(divided.unshared, shares), closedAtMs: nowMs };
  if ((await ports.ledger.state(stated)) === 'exists') return;
  const { billUsdMicros, chargedUsdMicros, operatorUsdMicros } = stated;
  ports.log.info('month.closed', { month, pool, billUsdMicros, chargedUsdMicros, operatorUsdMicros });
}

/** Gives back what is in the ledger then: the share of another run, where that came first. */
async function appendShare(
  ports: ClosePorts,
  account: Account,
  { month, pool, nowMs, owed }: { month: string; pool: string; nowMs: number; owed: ShareParts },
): Promise<ShareParts> {
  const { tenantId } = account.tenant;
  const appended = await ports.ledger.append({
    tenantId,
    month,
    pool,
    kind: 'share',
    servedGpuMs: account.month.byPool.get(pool)?.gpuMs ?? 0,
    usdMicros: owed.coldStart + owed.idle,
    parts: owed,
    atMs: nowMs,
  });
  if (appended === 'appended') return owed;
  const stored = await ports.ledger.share(tenantId, month, pool);
  if (stored === null) throw new Error(`the share of ${tenantId} in ${pool} is refused and is not there`);
  return stored.parts;
}
