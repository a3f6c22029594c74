/**
 * Keys with their tenants, remembered for {@link apiLimits.keyCacheMs}: a warm function reads neither on most
 * requests, and a change of either counts everywhere within that time. What does not exist is not remembered, so a
 * new key works at once; requests that come together share one look-up.
 */
import { apiLimits } from '#core/limits.ts';
import type { Clock, Keys, Log, Plans, Tenants } from '#core/ports.ts';
import { shippedPlan } from '#core/tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from '#core/tenancy/tenant.ts';
import { dayOf, tenantIdSchema, withPlan } from '#core/tenancy/tenant.ts';

export interface KeyHolder {
  readonly key: KeyRecord;
  /** With the limits of its plan. */
  readonly tenant: TenantRecord;
  /** The day that is noted as the key's last, or is being noted. */
  usedDay: string | null;
}

export interface KeyHolders {
  /** Null when there is no such key, or no tenant behind it. */
  get(keyId: string): Promise<KeyHolder | null>;
  /** The tenant that a token names, with the limits of its plan. */
  tenant(tenantId: string): Promise<TenantRecord | null>;
  /** Notes that the key is in use: one write a day, which no request waits for. */
  noteUse(holder: KeyHolder): void;
}

interface KeyHolderPorts {
  readonly clock: Clock;
  readonly keys: Pick<Keys, 'get' | 'touch'>;
  readonly log: Log;
  readonly plans: Pick<Plans, 'get'>;
  readonly tenants: Pick<Tenants, 'get'>;
}

/** ~1 KB each: a few MB at most, and more active keys than one function instance meets in half a minute. */
const rememberedMax = 4_096;

export function createKeyHolders(ports: KeyHolderPorts): KeyHolders {
  return {
    get: remembering(ports.clock, (keyId) => lookUp(ports, keyId)),
    tenant: remembering(ports.clock, (tenantId) => tenantOf(ports, tenantId)),

    noteUse(holder) {
      const { keyId, tenantId } = holder.key;
      const day = dayOf(ports.clock.nowMs());
      if (holder.usedDay !== null && holder.usedDay >= day) return;
      const before = holder.usedDay;
      holder.usedDay = day;
      ports.keys.touch(tenantId, keyId, day).catch((error: unknown) => {
        // The next request notes it.
        holder.usedDay = before;
        ports.log.warn('key.use_not_noted', { tenantId, keyId, reason: String(error) });
      });
    },
  };
}

async function lookUp(ports: KeyHolderPorts, keyId: string): Promise<KeyHolder | null> {
  const key = await ports.keys.get(keyId);
  if (key === null) return null;
  const tenant = await tenantOf(ports, key.tenantId);
  return tenant === null ? null : { key, tenant, usedDay: key.lastUsedDay };
}

async function tenantOf({ plans, tenants }: KeyHolderPorts, tenantId: string): Promise<TenantRecord | null> {
  const tenant = tenantIdSchema.safeParse(tenantId).success ? await tenants.get(tenantId) : null;
  if (tenant === null) return null;
  const plan = shippedPlan(tenant.plan) === null ? await plans.get(tenant.plan) : null;
  return withPlan(tenant, plan);
}

/** Asks once for each id in {@link apiLimits.keyCacheMs}; null and failures are asked for again. */
function remembering<T>(
  clock: Clock,
  ask: (id: string) => Promise<T | null>,
): (id: string) => Promise<T | null> {
  // By age: a Map keeps the order of insertion, and every entry lives equally long.
  const remembered = new Map<string, { readonly untilMs: number; readonly found: Promise<T | null> }>();
  return async (id) => {
    const nowMs = clock.nowMs();
    const entry = remembered.get(id);
    if (entry !== undefined && nowMs < entry.untilMs) return entry.found;

    const found = ask(id);
    const fresh = { untilMs: nowMs + apiLimits.keyCacheMs, found };
    remembered.delete(id);
    remembered.set(id, fresh);
    const oldest = remembered.keys().next();
    if (remembered.size > rememberedMax && oldest.done !== true) remembered.delete(oldest.value);
    const forget = () => {
      if (remembered.get(id) === fresh) remembered.delete(id);
    };
    found.then((value) => {
      if (value === null) forget();
    }, forget);
    return found;
  };
}
