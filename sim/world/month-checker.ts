/**
 * A closed month, checked from the ledger and from what workers said of themselves: every micro-USD of the instance bill
 * is in one place, once. Knows the promises of `docs/decisions/0004-who-pays-for-idle.md`, and none of the code.
 */
import { isDeepStrictEqual } from 'node:util';
import type { LedgerEntry, ShareEntry } from '#core/billing/ledger.ts';
import type { Statement } from '#core/billing/statement.ts';
import type { CloseOutcome } from '#core/flows/close-month.ts';
import { costLimits } from '#core/limits.ts';
import { limitsOf } from '#core/tenancy/plans.ts';
import { violate } from './history.ts';
import { everyEntry } from './rest-checker.ts';
import { instancePrices, midMonthMs, monthEndMs, pools } from './scenario.ts';
import type { World } from './world.ts';

/** `YYYYMM`. */
export const closedMonth = '203003';

const monthBeginMs = Date.UTC(2030, 2, 1);
const hour = 60 * 60 * 1000;

/** Before it is due: nobody was told that it is closed, and nothing of it is written. */
export async function checkNotClosed(world: World, told: readonly CloseOutcome[]): Promise<void> {
  const { history, stores } = world;
  const stated = await stores.ledger.statements(closedMonth);
  if (stated.length > 0 || told.some(({ kind }) => kind === 'closed'))
    violate(history, 'month', 'it was closed while jobs of it may still settle');
}

/** Every pool has its one statement, and each agrees with the ledger and with the workers. */
export async function checkClosed(world: World, told: readonly CloseOutcome[]): Promise<void> {
  const { history, stores, scenario } = world;
  const stated = await stores.ledger.statements(closedMonth);
  if (!isDeepStrictEqual(new Set(stated.map(({ pool }) => pool)), new Set(pools)))
    violate(history, 'month', `it is stated for ${stated.map(({ pool }) => pool).join(', ') || 'no pool'}`);
  for (const outcome of told) {
    if (outcome.kind === 'closed' && !isDeepStrictEqual(outcome.statements, stated))
      violate(history, 'month', 'a statement changed after somebody was told it');
  }
  const entries: LedgerEntry[] = [];
  for (const { tenantId } of scenario.tenants)
    entries.push(...(await everyEntry(stores.ledger, tenantId, closedMonth)));
  for (const statement of stated) await checkPool(world, statement, entries);
  checkBudgets(world, entries);
}

async function checkPool(world: World, statement: Statement, entries: readonly LedgerEntry[]): Promise<void> {
  const { pool, pricing, billUsdMicros, closedAtMs } = statement;
  const fault = (detail: string) => violate(world.history, 'month', `${pool}: ${detail}`);
  const shares = entries.filter((each): each is ShareEntry => each.kind === 'share' && each.pool === pool);
  const charges = entries.filter((each) => !['share', 'refund'].includes(each.kind) && each.pool === pool);
  const shared = sumOf(shares);
  const charged = sumOf(charges);
  const bill = await billOf(world, pool);

  if (closedAtMs < monthEndMs + costLimits.closeAfterMs) fault('closed too early');
  if (pricing !== world.scenario.pricing) fault(`priced as ${pricing}`);
  if (billUsdMicros !== bill) fault(`billed ${billUsdMicros} for workers of ${bill}`);
  if (statement.chargedUsdMicros !== charged)
    fault(`states charges of ${statement.chargedUsdMicros}, the ledger has ${charged}`);
  if (statement.coldStartUsdMicros + statement.idleUsdMicros !== shared)
    fault(
      `states shares of ${statement.coldStartUsdMicros + statement.idleUsdMicros}, the ledger has ${shared}`,
    );
  if (charged + shared + statement.operatorUsdMicros !== bill) fault(`does not add up to ${bill}`);
  if (new Set(shares.map(({ tenantId }) => tenantId)).size < shares.length) fault('a tenant has two shares');

  const served = new Set(
    charges.filter((each) => 'gpuMs' in each && each.gpuMs > 0).map(({ tenantId }) => tenantId),
  );
  const overhead = world.scenario.pricing === 'list' ? 0 : Math.max(0, bill - charged);
  const isBounded = (await boundedNow(world)).some((tenantId) => served.has(tenantId));
  if (shares.some(({ tenantId }) => !served.has(tenantId))) fault('a tenant that was not served has a share');
  if (shared > overhead) fault(`shares out ${shared} of ${overhead}`);
  if (served.size > 0 && !isBounded && shared !== overhead) fault(`shares out ${shared}, not ${overhead}`);
}

/** A share lifts nobody above its budget. */
function checkBudgets(world: World, entries: readonly LedgerEntry[]): void {
  for (const { tenantId } of world.scenario.tenants) {
    const own = entries.filter((each) => each.tenantId === tenantId);
    const budget = budgetOf(world, tenantId);
    const hasShare = own.some(({ kind }) => kind === 'share');
    if (budget !== undefined && hasShare && sumOf(own) > budget)
      violate(world.history, 'month', `${tenantId} pays ${sumOf(own)} of a budget of ${budget}`);
  }
}

/** Tenants with a hard budget. */
async function boundedNow({ stores, scenario }: World): Promise<string[]> {
  const tenants = await Promise.all(scenario.tenants.map(({ tenantId }) => stores.tenants.get(tenantId)));
  return tenants.flatMap((tenant) => {
    if (tenant === null) return [];
    const { budget_usd_micros_per_month: budget } = limitsOf(tenant.plan, tenant.overrides);
    return budget === undefined ? [] : [tenant.tenantId];
  });
}

/** The largest that the tenant ever had. */
function budgetOf({ history }: World, tenantId: string): number | undefined {
  return history.limits.get(tenantId)?.budget_usd_micros_per_month;
}

/** From a worker's first word to its last, or to its end where it told that, within the month. */
async function billOf({ stores }: World, pool: string): Promise<number> {
  let livedMs = 0;
  let cursor: string | undefined;
  do {
    const page = await stores.workers.list(pool, midMonthMs - hour, cursor);
    for (const { phase, phaseSinceMs, reportedAtMs, startedAtMs } of page.items) {
      const lastMs = phase === 'ended' ? phaseSinceMs : reportedAtMs;
      livedMs += Math.max(0, Math.min(lastMs, monthEndMs) - Math.max(startedAtMs, monthBeginMs));
    }
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return Math.ceil((livedMs * (instancePrices[pool] ?? 0)) / hour);
}

function sumOf(entries: readonly LedgerEntry[]): number {
  return entries.reduce((sum, { usdMicros }) => sum + usdMicros, 0);
}
