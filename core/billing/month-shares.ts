/**
 * Who pays for what a pool cost beyond the jobs it charged (`docs/decisions/0004-who-pays-for-idle.md`):
 *
 * - loading models, of each worker's life: those whose jobs that worker ran, by their GPU time on it;
 * - all else (idle time, attempts that failed, rounding): those whose jobs the pool ran, by their GPU time in the month;
 * - what a tenant paid for warm-ups of the pool counts towards its part of that: nobody pays for the same idle time
 *   twice, and who paid for more than its part is asked for nothing;
 * - a share never lifts a tenant's month above its hard budget: what the budget cuts off stays with the operator, and
 *   is not put on the others;
 * - what nobody can be asked for (nobody was served) stays with the operator as well.
 *
 * Charges can run ahead of the bill: by the rounding of each of them, by jobs that were admitted in this month and ran
 * in the next, or by a list price above the instance's. Then nothing is shared out and the operator's line is below
 * zero: a surplus (`statement.ts`). In every case charges + shares + the operator's line = bill.
 */
import { allocate } from './allocate.ts';
import type { InstanceBill, WorkerLife } from './instance-bill.ts';
import { instanceUsdMicros } from './instance-bill.ts';
import type { LedgerEntry, ShareEntry } from './ledger.ts';

/** What one tenant did in one pool in the month. */
export interface PoolUse {
  readonly gpuMs: number;
  /** Without refunds: those are the operator's gift, and no other tenant pays for them. */
  readonly chargedUsdMicros: number;
  readonly warmupUsdMicros: number;
  readonly gpuMsByWorker: ReadonlyMap<string, number>;
}

/** What one tenant did in the month. */
export interface TenantMonth {
  readonly tenantId: string;
  readonly byPool: ReadonlyMap<string, PoolUse>;
  /** Charges less refunds, and warm-ups, of all pools. */
  readonly paidUsdMicros: number;
  /** Shares by pool that an earlier close has written. */
  readonly shares: ReadonlyMap<string, ShareParts>;
}

export type ShareParts = Readonly<ShareEntry['parts']>;

/** One tenant as the division of a pool's bill sees it. */
export interface Sharer extends PoolUse {
  readonly tenantId: string;
  /** What may be added to its month: infinity without a hard budget. */
  readonly roomUsdMicros: number;
}

export interface Division {
  /** Of jobs and warm-ups. */
  readonly chargedUsdMicros: number;
  /** By tenant, none of zero. */
  readonly shares: ReadonlyMap<string, ShareParts>;
}

/** Divides the bill of a pool and month. A function of its arguments alone: the same in whatever order they come. */
export function divideBill(
  bill: InstanceBill,
  lives: readonly WorkerLife[],
  sharers: readonly Sharer[],
  usdMicrosPerHour: number,
): Division {
  const warmupUsdMicros = sumOf(sharers.map((sharer) => sharer.warmupUsdMicros));
  const chargedUsdMicros = warmupUsdMicros + sumOf(sharers.map((sharer) => sharer.chargedUsdMicros));
  const overhead = Math.max(0, bill.usdMicros - chargedUsdMicros);
  const cold = coldStarts(overhead, lives, sharers, usdMicrosPerHour);
  const coldTotal = sumOf(cold.values());
  const idle = idleParts(overhead - coldTotal, sharers);
  const shares = new Map<string, ShareParts>();
  for (const { tenantId, roomUsdMicros } of sharers) {
    const wanted = { coldStart: cold.get(tenantId) ?? 0, idle: idle.get(tenantId) ?? 0 };
    const share = within(wanted, roomUsdMicros);
    if (share.coldStart + share.idle > 0) shares.set(tenantId, share);
  }
  return { chargedUsdMicros, shares };
}

/**
 * Parts of an amount by GPU time such that each tenant's part and what it paid for warm-ups are together as its GPU time
 * asks for. Whoever paid for more than that keeps it so and is left out, and what the others share is the less for it: as
 * often as that puts another one above its part.
 */
function idleParts(amount: number, sharers: readonly Sharer[]): Map<string, number> {
  let left = [...sharers];
  for (;;) {
    const paid = sumOf(left.map(({ warmupUsdMicros }) => warmupUsdMicros));
    const parts = allocate(amount + paid, new Map(left.map(({ tenantId, gpuMs }) => [tenantId, gpuMs])));
    const partOf = ({ tenantId }: Sharer) => parts.get(tenantId) ?? 0;
    const under = left.filter((sharer) => partOf(sharer) > sharer.warmupUsdMicros);
    if (under.length === left.length) {
      return new Map(left.map((sharer) => [sharer.tenantId, partOf(sharer) - sharer.warmupUsdMicros]));
    }
    left = under;
  }
}

/** What each tenant owes for the loads of the workers that ran its jobs; a worker that ran none is left to idle time. */
function coldStarts(
  overhead: number,
  lives: readonly WorkerLife[],
  sharers: readonly Sharer[],
  usdMicrosPerHour: number,
): Map<string, number> {
  const served = gpuMsByWorker(sharers);
  const loads = new Map(
    lives
      .filter(({ workerId }) => served.has(workerId))
      .map(({ workerId, loadedMs }) => [workerId, instanceUsdMicros(loadedMs, usdMicrosPerHour)]),
  );
  // Where charges leave less than the loads cost, each load is cut in the same proportion.
  const amounts = allocate(Math.min(overhead, sumOf(loads.values())), loads);
  const owed = new Map<string, number>();
  for (const [workerId, amount] of amounts) {
    for (const [tenantId, part] of allocate(amount, served.get(workerId) ?? new Map())) {
      owed.set(tenantId, (owed.get(tenantId) ?? 0) + part);
    }
  }
  return owed;
}

/** By worker, then by tenant; no worker without GPU time. */
function gpuMsByWorker(sharers: readonly Sharer[]): Map<string, Map<string, number>> {
  const served = new Map<string, Map<string, number>>();
  for (const { tenantId, gpuMsByWorker: own } of sharers) {
    for (const [workerId, gpuMs] of own) {
      if (gpuMs === 0) continue;
      const tenants = served.get(workerId) ?? new Map<string, number>();
      served.set(workerId, tenants.set(tenantId, gpuMs));
    }
  }
  return served;
}

/** Idle time goes first: what a tenant set in motion itself is the last to be let off. */
function within({ coldStart, idle }: ShareParts, room: number): ShareParts {
  const kept = Math.min(coldStart, Math.max(0, room));
  return { coldStart: kept, idle: Math.min(idle, Math.max(0, room - kept)) };
}

/** Sums up one tenant's entries of a month. */
export interface MonthMeter {
  add(entry: LedgerEntry): void;
  month(): TenantMonth;
}

/** @param poolOf the pool of a model, for entries that name none; entries of a model that is gone are in no pool */
export function createMonthMeter(tenantId: string, poolOf: (model: string) => string | null): MonthMeter {
  const byPool = new Map<string, MutableUse>();
  const shares = new Map<string, ShareParts>();
  let paidUsdMicros = 0;
  return {
    add(entry) {
      if (entry.kind === 'share') {
        shares.set(entry.pool, entry.parts);
        return;
      }
      paidUsdMicros += entry.usdMicros;
      const pool = entry.pool ?? poolOf(entry.model);
      if (entry.kind === 'refund' || pool === null) return;
      const use = byPool.get(pool) ?? noUseYet();
      byPool.set(pool, use);
      if (entry.kind === 'warmup') {
        use.warmupUsdMicros += entry.usdMicros;
        return;
      }
      use.gpuMs += entry.gpuMs;
      use.chargedUsdMicros += entry.usdMicros;
      if (entry.workerId === null) return;
      use.gpuMsByWorker.set(entry.workerId, (use.gpuMsByWorker.get(entry.workerId) ?? 0) + entry.gpuMs);
    },
    month: () => ({ tenantId, byPool, paidUsdMicros, shares }),
  };
}

interface MutableUse extends PoolUse {
  gpuMs: number;
  chargedUsdMicros: number;
  warmupUsdMicros: number;
  readonly gpuMsByWorker: Map<string, number>;
}

function noUseYet(): MutableUse {
  return { gpuMs: 0, chargedUsdMicros: 0, warmupUsdMicros: 0, gpuMsByWorker: new Map() };
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
