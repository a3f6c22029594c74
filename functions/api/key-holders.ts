/**
 * Keys with their tenants, remembered for {@link apiLimits.keyCacheMs}: a warm function reads neither on most
 * requests, and a change of either counts everywhere within that time. What does not exist is not remembered, so a
 * new key works at once; requests that come together share one look-up.
 */
import { apiLimits } from '#core/limits.ts';
import type { Clock, Keys, Tenants } from '#core/ports.ts';
import type { KeyRecord, TenantRecord } from '#core/tenancy/tenant.ts';

export interface KeyHolder {
  readonly key: KeyRecord;
  readonly tenant: TenantRecord;
}

export interface KeyHolders {
  /** Null when there is no such key, or no tenant behind it. */
  get(keyId: string): Promise<KeyHolder | null>;
}

/** ~1 KB each: a few MB at most, and more active keys than one function instance meets in half a minute. */
const rememberedMax = 4_096;

export function createKeyHolders(ports: {
  readonly clock: Clock;
  readonly keys: Pick<Keys, 'get'>;
  readonly tenants: Pick<Tenants, 'get'>;
}): KeyHolders {
  // By age: a Map keeps the order of insertion, and every entry lives equally long.
  const remembered = new Map<
    string,
    { readonly untilMs: number; readonly found: Promise<KeyHolder | null> }
  >();

  return {
    async get(keyId) {
      const nowMs = ports.clock.nowMs();
      const entry = remembered.get(keyId);
      if (entry !== undefined && nowMs < entry.untilMs) return entry.found;

      const found = lookUp(keyId);
      const fresh = { untilMs: nowMs + apiLimits.keyCacheMs, found };
      remembered.delete(keyId);
      remembered.set(keyId, fresh);
      forgetOldest();
      const forget = () => {
        if (remembered.get(keyId) === fresh) remembered.delete(keyId);
      };
      found.then((holder) => {
        if (holder === null) forget();
      }, forget);
      return found;
    },
  };

  async function lookUp(keyId: string): Promise<KeyHolder | null> {
    const key = await ports.keys.get(keyId);
    if (key === null) return null;
    const tenant = await ports.tenants.get(key.tenantId);
    return tenant === null ? null : { key, tenant };
  }

  function forgetOldest(): void {
    const oldest = remembered.keys().next();
    if (remembered.size > rememberedMax && oldest.done !== true) remembered.delete(oldest.value);
  }
}
