/**
 * Warm-ups in the world: tenants ask for them, retry under the same key or without one, and note what they were told they
 * pay. The checks know the promise and nothing of the code: what was told is what the ledger has, no time of a pool is
 * paid for twice by one tenant, no day's money passes its cap at any moment, nothing is asked for what was refused, and
 * with nothing wrong a worker is there for what was paid.
 */
import { dayWindow } from '#core/admission/windows.ts';
import type { LedgerEntry, WarmupEntry } from '#core/billing/ledger.ts';
import type { WarmUpAsk, WarmUpOutcome } from '#core/flows/warm-up.ts';
import { warmUp } from '#core/flows/warm-up.ts';
import type { TenantRecord } from '#core/tenancy/tenant.ts';
import type { History } from './history.ts';
import { violate } from './history.ts';
import { oneOf } from './scenario.ts';
import type { World } from './world.ts';

/** One warm-up as its client means it, with however many tries. */
export interface AskedWarmup {
  readonly tenantId: string;
  /** What each try was told, of those that were answered. */
  readonly told: { readonly warmupId: string; readonly usdMicros: number }[];
}

const triesMax = 4;
/** Of every pool: a minute costs 1,500, and the tenants' budgets hold some of those. */
const usdMicrosPerHour = 90_000;

export async function warmUpOnce(world: World, tenantId: string): Promise<void> {
  const { random, ids, history } = world;
  const ask = {
    // Filled in by each try: the tenant as it is then.
    tenant: { tenantId } as TenantRecord,
    keyId: 'key00001',
    model: oneOf(random, ['image', 'image-large', 'image-alone']),
    granted: null,
    // The longest outlasts the idle time-out: without it, the pool would go out.
    forSeconds: oneOf(random, [60, 90, 200]),
    idempotencyKey: random() < 0.6 ? `key-${ids.nonce()}` : null,
  };
  const asked: AskedWarmup = { tenantId, told: [] };
  history.warmups.asked.push(asked);
  // An impatient client sends it twice at once; only a key says that both are one.
  const atOnce = ask.idempotencyKey !== null && random() < 0.4 ? 2 : 1;
  await Promise.all(Array.from({ length: atOnce }, () => retrying(world, ask, asked)));
}

async function retrying(world: World, ask: WarmUpAsk, asked: AskedWarmup): Promise<void> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const outcome = await tryWarmUp(world, ask);
    if (outcome?.kind === 'kept' || outcome?.kind === 'replayed') {
      const { warmupId, usdMicros } = outcome.entry;
      asked.told.push({ warmupId, usdMicros });
      watchWorker(world, outcome.entry);
    }
    if (outcome !== null && outcome.kind !== 'in_flight') return;
    if (ask.idempotencyKey === null) return;
    await world.loop.clock.sleep(500 * 2 ** tries * (1 + world.random()));
  }
}

/** The last moments of a warm-up: the scaler has had time, and has some between the looks to follow an operator's order. */
const looksBeforeEndMs = [12_000, 4_000] as const;

/** I11: with nothing wrong, a pool that is not held back has a worker until the end of what was paid. */
function watchWorker(world: World, { tenantId, pool, untilMs }: WarmupEntry): void {
  const { loop, scenario, stores, fleet, history } = world;
  if (!scenario.isCalm) return;
  let missing = 0;
  for (const beforeMs of looksBeforeEndMs) {
    loop.after(Math.max(0, untilMs - beforeMs - loop.clock.nowMs()), async () => {
      const { pausedAtMs, drainingAtMs } = (await stores.pools.read(pool)).orders;
      if (pausedAtMs === null && drainingAtMs === null && fleet.desiredOf(pool) === 0) missing += 1;
      if (missing === looksBeforeEndMs.length)
        violate(history, 'I11', `${tenantId} pays for ${pool}, and no worker is asked for`);
    });
  }
}

/** Null when the try ended without an answer. */
async function tryWarmUp(world: World, ask: WarmUpAsk): Promise<WarmUpOutcome | null> {
  const { process, ports } = world.api();
  const { clock } = process;
  const { catalog, ids, log } = world;
  const costs = { usdMicrosPerHour: () => usdMicrosPerHour };
  const served = await process.serve(async () => {
    const tenant = await ports.tenants.get(ask.tenant.tenantId);
    if (tenant === null) throw new Error('the scene has every tenant');
    return warmUp({ ...ports, catalog, clock, costs, ids, log }, { ...ask, tenant });
  });
  return served.kind === 'answered' ? served.value : null;
}

/** What is known of warm-ups from outside. */
export interface WarmupHistory {
  readonly asked: AskedWarmup[];
  /** As the ledger took them. */
  readonly entries: WarmupEntry[];
}

/** To be called with each entry as the ledger takes it: I3 and I5. */
export function checkWarmup(history: History, entry: LedgerEntry): void {
  if (entry.kind !== 'warmup') return;
  const { tenantId, pool, outcome } = entry;
  const own = history.warmups.entries.filter((each) => each.tenantId === tenantId && each.outcome === 'kept');
  history.warmups.entries.push(entry);
  if (outcome !== 'kept') return;
  const overlapping = own.find((each) => each.pool === pool && overlaps(each, entry));
  if (overlapping !== undefined) {
    violate(history, 'I3', `${tenantId} pays for the same time of ${pool} by ${overlapping.warmupId} again`);
  }
  const cap = history.limits.get(tenantId)?.warmup_usd_micros_per_day;
  const sameDay = own.filter(({ atMs }) => dayWindow(atMs).name === dayWindow(entry.atMs).name);
  const spent = sameDay.reduce((sum, each) => sum + each.usdMicros, entry.usdMicros);
  if (cap !== undefined && spent > cap)
    violate(history, 'I5', `${tenantId} pays ${spent} for warm-ups of ${cap}`);
}

function overlaps(one: WarmupEntry, other: WarmupEntry): boolean {
  return Math.max(one.fromMs, other.fromMs) < Math.min(one.untilMs, other.untilMs);
}

/** I1 and I3, at rest: each warm-up that anybody was told of is in the ledger, once, at what it was told to cost. */
export function checkToldWarmups(history: History): void {
  const { warmups } = history;
  const entries = new Map(warmups.entries.map((entry) => [entry.warmupId, entry]));
  for (const { tenantId, told } of warmups.asked) {
    if (new Set(told.map(({ warmupId }) => warmupId)).size > 1) {
      violate(history, 'I1', `${tenantId} was told of two warm-ups for one`);
    }
    for (const { warmupId, usdMicros } of told) {
      const entry = entries.get(warmupId);
      if (entry?.tenantId !== tenantId || entry.outcome !== 'kept' || entry.usdMicros !== usdMicros) {
        violate(history, 'I3', `${warmupId} was told to cost ${usdMicros} and costs ${entry?.usdMicros}`);
      }
    }
  }
}

/** What the tenant paid for warm-ups that it asked for in a month, `YYYYMM`. */
export function paidForWarmups({ warmups }: History, tenantId: string, month: string): number {
  return warmups.entries
    .filter((entry) => entry.tenantId === tenantId && entry.month === month)
    .reduce((sum, { usdMicros }) => sum + usdMicros, 0);
}
