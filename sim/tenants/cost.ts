/** What the hour cost each tenant: at cost on the shared cards, and with a card of its own. */
import { instanceBill, instanceUsdMicros } from '#core/billing/instance-bill.ts';
import type { Sharer } from '#core/billing/month-shares.ts';
import { divideBill } from '#core/billing/month-shares.ts';
import { gpuCostUsdMicros } from '#core/billing/price.ts';
import type { Served } from '#sim/fairness/simulate.ts';
import type { Hour, SimTenant } from './hour.ts';
import { hourMs, loadMs, usdMicrosPerHour } from './hour.ts';

/** A card of one's own that is put out when it had nothing to do for this long. */
const idleTimeoutMs = 5 * 60_000;

export interface TenantCost {
  readonly tenant: SimTenant;
  readonly gpuMs: number;
  /** Charges, and the share of what the cards cost beyond all charges, by the product's rule. */
  readonly sharedUsdMicros: number;
  /** A card that is on as long as the shared ones are. */
  readonly ownUsdMicros: number;
  /** A card that is lit by the first job, loads, and goes out after {@link idleTimeoutMs} without work. */
  readonly ownColdUsdMicros: number;
}

export interface HourCost {
  readonly billUsdMicros: number;
  /** What no tenant pays; zero where anybody was served. */
  readonly operatorUsdMicros: number;
  readonly tenants: readonly TenantCost[];
}

/** The shared cards run from the start of the hour until its last job has ended. */
export function costOf({ cards, tenants }: Hour, served: readonly Served[]): HourCost {
  const livedMs = served.reduce((last, { finishedAtMs }) => Math.max(last, finishedAtMs), hourMs);
  const lives = Array.from({ length: cards }, (_, card) => ({
    workerId: String(card),
    livedMs,
    loadedMs: loadMs,
  }));
  const bill = instanceBill(lives, usdMicrosPerHour);
  const sharers = tenants.map(({ tenantId }) => sharerOf(served, tenantId));
  const { chargedUsdMicros, shares } = divideBill(bill, lives, sharers, usdMicrosPerHour);
  const costs = tenants.map((tenant, at): TenantCost => {
    const { coldStart = 0, idle = 0 } = shares.get(tenant.tenantId) ?? {};
    return {
      tenant,
      gpuMs: sharers[at]?.gpuMs ?? 0,
      sharedUsdMicros: (sharers[at]?.chargedUsdMicros ?? 0) + coldStart + idle,
      ownUsdMicros: instanceUsdMicros(livedMs, usdMicrosPerHour),
      ownColdUsdMicros: instanceUsdMicros(Math.round(ownCardMs(served, tenant.tenantId)), usdMicrosPerHour),
    };
  });
  const shared = [...shares.values()].reduce((sum, { coldStart, idle }) => sum + coldStart + idle, 0);
  return {
    billUsdMicros: bill.usdMicros,
    operatorUsdMicros: bill.usdMicros - chargedUsdMicros - shared,
    tenants: costs,
  };
}

function sharerOf(served: readonly Served[], tenantId: string): Sharer {
  const gpuMsByWorker = new Map<string, number>();
  let [gpuMs, chargedUsdMicros] = [0, 0];
  for (const { job, worker } of served) {
    if (job.tenantId !== tenantId) continue;
    gpuMs += job.usedGpuMs;
    chargedUsdMicros += gpuCostUsdMicros(job.usedGpuMs, usdMicrosPerHour);
    gpuMsByWorker.set(String(worker), (gpuMsByWorker.get(String(worker)) ?? 0) + job.usedGpuMs);
  }
  const paid = { chargedUsdMicros, warmupUsdMicros: 0 };
  return { tenantId, gpuMs, ...paid, gpuMsByWorker, roomUsdMicros: Number.POSITIVE_INFINITY };
}

/** How long the tenant's own card is lit, running its jobs in the order of their arrival. */
function ownCardMs(served: readonly Served[], tenantId: string): number {
  const jobs = served.map(({ job }) => job).filter((job) => job.tenantId === tenantId);
  let litMs = 0;
  let freeAtMs = Number.NEGATIVE_INFINITY;
  for (const { arrivedAtMs, usedGpuMs } of jobs.toSorted(
    (left, right) => left.arrivedAtMs - right.arrivedAtMs,
  )) {
    const outAtMs = freeAtMs + idleTimeoutMs;
    const isOut = arrivedAtMs >= outAtMs;
    const readyAtMs = isOut ? arrivedAtMs + loadMs : Math.max(arrivedAtMs, freeAtMs);
    const endsAtMs = readyAtMs + usedGpuMs;
    // What it waits for this job counts as lit as well, up to the moment it would have gone out.
    litMs += isOut ? endsAtMs - arrivedAtMs : endsAtMs - freeAtMs;
    if (isOut && Number.isFinite(freeAtMs)) litMs += idleTimeoutMs;
    freeAtMs = endsAtMs;
  }
  return jobs.length === 0 ? 0 : litMs + idleTimeoutMs;
}
