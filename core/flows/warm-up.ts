/**
 * A tenant has a worker kept up ahead of its work, and pays for the time at the price of the instance.
 *
 * Order and crashes (each step is repeated safely):
 * 1. check and price: the tenant pays for the time beyond its own warm-up of the pool, if one stands. No cost yet;
 * 2. admit: one conditional write takes the money of the day and the month, and leaves a note in the gate, one at most
 *    for a tenant and pool. A crash here leaves the note, which the next call of the tenant or the sweep finishes;
 * 3. the note is finished, as `finish-warm-up.ts` says.
 *
 * The id follows from the Idempotency-Key or, without one, from pool, minute and time asked for, and the ledger takes one
 * entry of it: so a retry is answered with what the first one came to, and is not paid for again. A try that was not
 * kept (the pool was paused, another warm-up of the tenant came first) is final too; the next one has the next id, so
 * that of all tries of a request one is kept at most.
 */
import type { GateView, Refusal } from '../admission/gate.ts';
import { planWarmup } from '../admission/warmup-ask.ts';
import type { WarmupNote } from '../admission/warmup-note.ts';
import { warmupNoteName, warmupNoteText } from '../admission/warmup-note.ts';
import { minuteWindow } from '../admission/windows.ts';
import type { CostSettings } from '../billing/cost-settings.ts';
import { instanceUsdMicros } from '../billing/instance-bill.ts';
import type { WarmupEntry } from '../billing/ledger.ts';
import { canonicalJson, derivedWarmupId, digest } from '../canonical.ts';
import { lineName } from '../dispatch/fair-tags.ts';
import type { ErrorDetail } from '../errors.ts';
import { AppError } from '../errors.ts';
import { warmupLimits } from '../limits.ts';
import type { Catalog, Model } from '../models/manifest.ts';
import type { Gates } from '../ports/gates.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { OwnPools, Pools, Scaler } from '../ports/pools.ts';
import type { Clock, Ids, Log } from '../ports/process.ts';
import type { Aliases } from '../ports/tenancy.ts';
import type { PoolOrders } from '../scaling/pool-orders.ts';
import { warmupOf } from '../scaling/pool-orders.ts';
import { poolOfTenant } from '../tenancy/own-pool.ts';
import { limitsOf } from '../tenancy/plans.ts';
import type { TenantRecord } from '../tenancy/tenant.ts';
import { finishWarmUp, readWarmup } from './finish-warm-up.ts';
import { openOwnPool } from './open-own-pool.ts';
import { resolveModel } from './resolve-model.ts';

export interface WarmUpPorts {
  readonly aliases: Pick<Aliases, 'get'>;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly costs: Pick<CostSettings, 'usdMicrosPerHour'>;
  readonly gates: Gates;
  readonly ids: Pick<Ids, 'nonce'>;
  readonly ledger: Ledger;
  readonly log: Log;
  /** Absent where tenants have no pools of their own. */
  readonly ownPools?: OwnPools;
  readonly pools: Pools;
  readonly scaler: Scaler;
}

export interface WarmUpAsk {
  readonly tenant: TenantRecord;
  readonly keyId: string;
  /** A model id or an alias. */
  readonly model: string;
  /** Model ids that tenant and key may use; null: every one. */
  readonly granted: readonly string[] | null;
  readonly forSeconds: number;
  readonly idempotencyKey: string | null;
}

export type WarmUpOutcome =
  /** `gate`: as admission left it. */
  | { readonly kind: 'kept'; readonly entry: WarmupEntry; readonly gate: GateView }
  /** Asked for before, and kept. */
  | { readonly kind: 'replayed'; readonly entry: WarmupEntry }
  /** Tried as often as it may be; nothing was paid. */
  | { readonly kind: 'not_kept' }
  | { readonly kind: 'mismatch' }
  /** Other calls for this pool keep coming first; asking again is safe. */
  | { readonly kind: 'in_flight' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'model_not_found' }
  | { readonly kind: 'model_not_granted' }
  | { readonly kind: 'invalid'; readonly details: readonly ErrorDetail[] }
  /** `gate`: what refused; null when none was asked. */
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly gate: GateView | null };

export async function warmUp(ports: WarmUpPorts, ask: WarmUpAsk): Promise<WarmUpOutcome> {
  const { tenant, model: name, granted } = ask;
  const { tenantId } = tenant;
  const limits = limitsOf(tenant.plan, tenant.overrides);
  const named = { tenantId, name, quality: null, input: {}, granted, quant: limits.quant };
  const resolved = await resolveModel(ports, named);
  if (resolved.kind !== 'model') return resolved;
  const { model } = resolved;
  const pool = poolOfTenant(model.manifest.pool, tenant);
  const identity = identityOf(ask, pool, ports.clock.nowMs());

  for (let tries = 0; tries < warmupLimits.triesMax; tries += 1) {
    const earlier = await earlierTries(ports, tenantId, identity);
    if (typeof earlier !== 'string') return earlier;
    const { fingerprint } = identity;
    const outcome = await tryOnce(ports, ask, { pool, model, fingerprint, warmupId: earlier });
    if (outcome !== 'again') return outcome;
  }
  return { kind: 'in_flight' };
}

interface Identity {
  /** By the number of the try. */
  readonly warmupId: (attempt: number) => string;
  /** Of model and time as they were asked for: an alias that moved on must not turn a retry into another request. */
  readonly fingerprint: string | null;
}

interface Checked {
  readonly warmupId: string;
  readonly fingerprint: string | null;
  readonly pool: string;
  readonly model: Model;
}

function identityOf(ask: WarmUpAsk, pool: string, nowMs: number): Identity {
  const { tenant, idempotencyKey, model, forSeconds } = ask;
  const parts =
    idempotencyKey === null ? ['asked', pool, minuteWindow(nowMs).name, forSeconds] : ['key', idempotencyKey];
  return {
    warmupId: (attempt) => derivedWarmupId(tenant.tenantId, [...parts, attempt]),
    fingerprint: idempotencyKey === null ? null : digest(canonicalJson({ model, forSeconds })),
  };
}

/** What the tries before came to or, where none of them was kept, the id of the next one. */
async function earlierTries(
  ports: WarmUpPorts,
  tenantId: string,
  { warmupId, fingerprint }: Identity,
): Promise<WarmUpOutcome | string> {
  const nowMs = ports.clock.nowMs();
  for (let attempt = 0; attempt < warmupLimits.attemptsMax; attempt += 1) {
    const id = warmupId(attempt);
    const entry = await readWarmup(ports, tenantId, id, nowMs);
    if (entry === null) return id;
    if (entry.fingerprint !== fingerprint) return { kind: 'mismatch' };
    if (entry.outcome === 'kept') return { kind: 'replayed', entry };
  }
  return { kind: 'not_kept' };
}

async function tryOnce(
  ports: WarmUpPorts,
  ask: WarmUpAsk,
  checked: Checked,
): Promise<WarmUpOutcome | 'again'> {
  const { tenantId, plan, overrides } = ask.tenant;
  const { pool, model } = checked;
  const nowMs = ports.clock.nowMs();
  const { orders } = await ports.pools.read(pool);
  if (orders.pausedAtMs !== null) return { kind: 'paused' };
  const limits = limitsOf(plan, overrides);
  if (limits.warmup_usd_micros_per_day === 0) return refusedWithout;
  const note = noteOf(ports, ask, checked, { orders, nowMs });
  const { name, text } = { name: warmupNoteName(pool), text: warmupNoteText(note) };
  await openOwnPool(ports, pool, model);

  const line = lineName(pool, 'interactive');
  const admission = planWarmup(limits, { name, text, line, usdMicros: note.usdMicros }, nowMs);
  const admitted = await ports.gates.admit(tenantId, admission);
  switch (admitted.kind) {
    case 'admitted': {
      const entry = await finishWarmUp(ports, tenantId, { name, text });
      if (entry === null)
        throw new AppError('internal', { privateDetail: 'a warm-up note of our own is none' });
      const isKept = entry.token === note.token && entry.outcome === 'kept';
      return isKept ? { kind: 'kept', entry, gate: admitted.gate } : 'again';
    }
    case 'refused':
      return { kind: 'refused', refusal: admitted.refusal, gate: admitted.gate };
    case 'duplicate':
      await finishStanding(ports, tenantId, name);
      return 'again';
    case 'no_tenant':
      return {
        kind: 'refused',
        refusal: { limit: 'suspended', used: 0, max: 0, retryAfterSeconds: 0 },
        gate: null,
      };
  }
}

/** A cap of zero allows no warm-up, not even one that costs nothing: the gate, which counts money, cannot tell. */
const refusedWithout: WarmUpOutcome = {
  kind: 'refused',
  refusal: { limit: 'warmup_usd_micros_per_day', used: 0, max: 0, retryAfterSeconds: null },
  gate: null,
};

function noteOf(
  ports: WarmUpPorts,
  { tenant, keyId, forSeconds }: WarmUpAsk,
  { pool, model, warmupId, fingerprint }: Checked,
  { orders, nowMs }: { readonly orders: PoolOrders; readonly nowMs: number },
): WarmupNote {
  const standing = warmupOf(orders, tenant.tenantId);
  const previous = standing === null ? null : withoutTenant(standing);
  const fromMs = Math.max(nowMs, standing?.untilMs ?? 0);
  const untilMs = Math.max(fromMs, nowMs + forSeconds * 1000);
  return {
    ...{ warmupId, keyId, fingerprint, fromMs, untilMs, previous, atMs: nowMs, token: ports.ids.nonce() },
    model: model.manifest.id,
    usdMicros: instanceUsdMicros(untilMs - fromMs, ports.costs.usdMicrosPerHour(pool)),
  };
}

function withoutTenant({ warmupId, model, untilMs }: NonNullable<WarmupNote['previous']>) {
  return { warmupId, model, untilMs };
}

/** Another call of the tenant for this pool is about to finish, or died: finishing for it is safe either way. */
async function finishStanding(ports: WarmUpPorts, tenantId: string, name: string): Promise<void> {
  const text = (await ports.gates.read(tenantId))?.open[name];
  if (text !== undefined) await finishWarmUp(ports, tenantId, { name, text });
}
