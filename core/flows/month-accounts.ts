/** Reads what a month's bill is divided by: tenants with their ledgers, and the workers of a pool. Reads only. */
import type { CostSettings } from '../billing/cost-settings.ts';
import type { WorkerLife } from '../billing/instance-bill.ts';
import { instanceBill, lifeWithin, spanOf } from '../billing/instance-bill.ts';
import type { PoolUse, ShareParts, Sharer, TenantMonth } from '../billing/month-shares.ts';
import { createMonthMeter, divideBill } from '../billing/month-shares.ts';
import type { Unshared } from '../billing/statement.ts';
import { costLimits } from '../limits.ts';
import type { Catalog } from '../models/manifest.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Page } from '../ports/page.ts';
import type { Pools, Workers } from '../ports/pools.ts';
import type { Clock } from '../ports/process.ts';
import type { Plans, Tenants } from '../ports/tenancy.ts';
import { limitsOf, shippedPlan } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { withPlan } from '../tenancy/tenant.ts';

export interface CostPorts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly costs: CostSettings;
  readonly ledger: Ledger;
  readonly plans: Pick<Plans, 'get'>;
  readonly pools: Pick<Pools, 'listOwn'>;
  readonly tenants: Pick<Tenants, 'list'>;
  readonly workers: Pick<Workers, 'list'>;
}

/** A tenant, deleted ones too, and its month. */
export interface Account {
  readonly tenant: TenantRecord;
  readonly month: TenantMonth;
}

export interface PoolMonth {
  /** `YYYYMM`. */
  readonly month: string;
  readonly pool: string;
  /** Every pool, this one too. */
  readonly pools: readonly string[];
  readonly accounts: readonly Account[];
  readonly nowMs: number;
}

export interface DividedPool {
  /** What is known of the statement before any share is written. */
  readonly unshared: Unshared;
  /** Of every tenant that may be asked for one, of nothing too. */
  readonly shares: ReadonlyMap<string, ShareParts>;
}

const noShare: ShareParts = { coldStart: 0, idle: 0 };
const noUse: PoolUse = { gpuMs: 0, chargedUsdMicros: 0, warmupUsdMicros: 0, gpuMsByWorker: new Map() };

/** Every tenant with its month: as many reads as the ledgers have pages. */
export async function readAccounts(ports: CostPorts, month: string): Promise<Account[]> {
  const tenants = await allOf((cursor) => ports.tenants.list(cursor));
  return someAtOnce(tenants, (tenant) => readAccount(ports, tenant, month));
}

/** The bill of one pool and how it is divided. */
export async function dividePool(ports: CostPorts, ask: PoolMonth): Promise<DividedPool> {
  const { month, pool, accounts, nowMs } = ask;
  const { pricing } = ports.costs;
  const usdMicrosPerHour = ports.costs.usdMicrosPerHour(pool);
  const lives = await livesOf(ports, ask);
  const bill = instanceBill(lives, usdMicrosPerHour);
  const sharers = await someAtOnce(accounts, (account) => sharerOf(ports, account, ask));
  const served = sharers.filter(({ gpuMs }) => gpuMs > 0);
  const { chargedUsdMicros, shares } = divideBill(bill, lives, sharers, usdMicrosPerHour);
  const asked = sharers.filter((sharer) => mayBeAsked(ports.costs, sharer));
  const { usdMicros: billUsdMicros, ...measured } = bill;
  const unshared = {
    ...{ month, pool, pricing, usdMicrosPerHour, ...measured },
    gpuMs: served.reduce((sum, { gpuMs }) => sum + gpuMs, 0),
    tenants: served.length,
    dedicatedMs: served.reduce((sum, { tenant }) => sum + dedicatedMs(tenant, month, nowMs), 0),
    billUsdMicros,
    chargedUsdMicros,
  };
  return {
    unshared,
    shares: new Map(asked.map(({ tenantId }) => [tenantId, shares.get(tenantId) ?? noShare])),
  };
}

async function readAccount(ports: CostPorts, tenant: TenantRecord, month: string): Promise<Account> {
  const poolOf = (model: string) => ports.catalog.get(model)?.manifest.pool ?? null;
  const meter = createMonthMeter(tenant.tenantId, poolOf);
  let cursor: string | undefined;
  do {
    const page = await ports.ledger.list(tenant.tenantId, month, cursor);
    for (const entry of page.items) meter.add(entry);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return { tenant, month: meter.month() };
}

async function sharerOf(
  ports: CostPorts,
  account: Account,
  ask: PoolMonth,
): Promise<Sharer & { readonly tenant: TenantRecord }> {
  const { tenant, month } = account;
  const use = month.byPool.get(ask.pool) ?? noUse;
  const roomUsdMicros = mayBeAsked(ports.costs, use) ? await roomOf(ports, account, ask) : 0;
  return { ...use, tenant, tenantId: tenant.tenantId, roomUsdMicros };
}

/** A list price is all that is to be paid, and who was not served pays nothing. */
function mayBeAsked({ pricing }: Pick<CostSettings, 'pricing'>, { gpuMs }: PoolUse): boolean {
  return pricing === 'at_cost' && gpuMs > 0;
}

async function livesOf(ports: CostPorts, { month, pool, nowMs }: PoolMonth): Promise<WorkerLife[]> {
  const span = spanOf(month);
  const workers = await allOf((cursor) => ports.workers.list(pool, span.fromMs, cursor));
  // By id: one that reports while its pool is listed moves to the end of the list, and is met twice.
  const latest = new Map(workers.map((worker) => [worker.workerId, worker]));
  return [...latest.values()].flatMap((worker) => lifeWithin(worker, span, nowMs) ?? []);
}

/** What the tenant's hard budget, as it stands now, leaves for a share of this pool. */
async function roomOf(
  ports: CostPorts,
  { tenant, month }: Account,
  { month: monthName, pool, pools }: PoolMonth,
): Promise<number> {
  const own = shippedPlan(tenant.plan) === null ? await ports.plans.get(tenant.plan) : null;
  const { overrides } = withPlan(tenant, own);
  const budget = limitsOf(tenant.plan, overrides).budget_usd_micros_per_month ?? Number.POSITIVE_INFINITY;
  if (budget === Number.POSITIVE_INFINITY) return budget;
  // One by one and not from the list, which may lag behind a share that was written a moment ago.
  const others = pools.filter((each) => each !== pool);
  const shares = await Promise.all(
    others.map((each) => ports.ledger.share(tenant.tenantId, monthName, each)),
  );
  const shared = shares.reduce((sum, share) => sum + (share?.usdMicros ?? 0), 0);
  return Math.max(0, budget - month.paidUsdMicros - shared);
}

function dedicatedMs({ createdAtMs }: TenantRecord, month: string, nowMs: number): number {
  const { fromMs, toMs } = spanOf(month);
  return Math.max(0, Math.min(toMs, nowMs) - Math.max(fromMs, createdAtMs));
}

async function someAtOnce<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += costLimits.ledgersAtOnce) {
    results.push(...(await Promise.all(items.slice(at, at + costLimits.ledgersAtOnce).map(act))));
  }
  return results;
}

async function allOf<T>(read: (cursor?: string) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    items.push(...page.items);
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}
