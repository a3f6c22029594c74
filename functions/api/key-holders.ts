/**
 * Keys with their tenants, remembered for {@link apiLimits.keyCacheMs}: a warm function reads neither on most
 * requests, and a change of either counts everywhere within that time. What does not exist is not remembered, so a
 * new key works at once; requests that come together share one look-up.
 *
 * Nobody is refused out of memory: a key that is unknown, wrong, expired or revoked costs one read of the key and
 * nothing else, each time. If memory answered for the ids that it holds, its speed would tell which ids there are.
 */
import { findTenantWithPlan } from '#core/flows/tenant-with-plan.ts';
import { isFresh } from '#core/jumping-clock.ts';
import { apiLimits } from '#core/limits.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import type { Keys, Plans, Tenants } from '#core/ports/tenancy.ts';
import type { KeyRecord, TenantRecord } from '#core/tenancy/tenant.ts';
import { dayOf, tenantIdSchema } from '#core/tenancy/tenant.ts';

export interface KeyHolder {
  readonly key: KeyRecord;
  /** With the limits of its plan. */
  readonly tenant: TenantRecord;
  /** The day that is noted as the key's last, or is being noted. */
  usedDay: string | null;
}

export interface KeyHolders {
  /**
   * The holder of the key that `opens` lets in; null when it lets nobody in, or when there is no tenant behind the
   * key. `opens` is asked about null too, so that a key that is not there costs its work as well.
   */
  find(keyId: string, opens: (key: KeyRecord | null) => boolean): Promise<KeyHolder | null>;
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
  const holders = memory<KeyHolder>(ports.clock);
  const tenants = memory<TenantRecord>(ports.clock);
  return {
    async find(keyId, opens) {
      const remembered = holders.recall(keyId);
      if (remembered === null) return holders.keep(keyId, lookUp(ports, keyId, opens));
      const holder = await remembered;
      if (holder !== null && opens(holder.key)) return holder;
      // Not kept: a wrong secret must not push the right one out of memory.
      return lookUp(ports, keyId, opens);
    },

    async tenant(tenantId) {
      return tenants.recall(tenantId) ?? tenants.keep(tenantId, tenantOf(ports, tenantId));
    },

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

async function lookUp(
  ports: KeyHolderPorts,
  keyId: string,
  opens: (key: KeyRecord | null) => boolean,
): Promise<KeyHolder | null> {
  const key = await ports.keys.get(keyId);
  if (!opens(key) || key === null) return null;
  const tenant = await tenantOf(ports, key.tenantId);
  return tenant === null ? null : { key, tenant, usedDay: key.lastUsedDay };
}

async function tenantOf(ports: KeyHolderPorts, tenantId: string): Promise<TenantRecord | null> {
  return tenantIdSchema.safeParse(tenantId).success ? findTenantWithPlan(ports, tenantId) : null;
}

/** What was found for each id in the last {@link apiLimits.keyCacheMs}. Null and failures are not kept. */
function memory<T>(clock: Clock) {
  // By age: a Map keeps the order of insertion, and every entry lives equally long.
  const entries = new Map<string, { readonly sinceMs: number; readonly found: Promise<T | null> }>();
  return {
    recall(id: string): Promise<T | null> | null {
      const entry = entries.get(id);
      return entry !== undefined && isFresh(entry.sinceMs, apiLimits.keyCacheMs, clock.nowMs())
        ? entry.found
        : null;
    },

    keep(id: string, found: Promise<T | null>): Promise<T | null> {
      const entry = { sinceMs: clock.nowMs(), found };
      entries.delete(id);
      entries.set(id, entry);
      const forget = () => {
        if (entries.get(id) === entry) entries.delete(id);
      };
      found.then((value) => {
        if (value === null) return forget();
        // Only what was found pushes anything out, or made-up ids could empty the memory.
        const oldest = entries.keys().next();
        if (entries.size > rememberedMax && oldest.done !== true) entries.delete(oldest.value);
      }, forget);
      return found;
    },
  };
}
