/** `Tenants`, `Keys`, `Plans` and `Aliases` in memory. */
import type { Aliases, Keys, Plans, Tenants } from '#core/ports/tenancy.ts';
import type { AliasRecord } from '#core/tenancy/alias.ts';
import { aliasId } from '#core/tenancy/alias.ts';
import type { PlanRecord } from '#core/tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from '#core/tenancy/tenant.ts';
import { copy } from './copy.ts';
import type { MemoryGates } from './memory-gates.ts';
import { pageOf } from './pages.ts';

export function createMemoryTenants({ gates }: { gates: MemoryGates }): Tenants {
  const tenants = new Map<string, TenantRecord>();
  const names = new Set<string>();
  return {
    async create(tenant) {
      const name = tenant.tenantId.toLowerCase();
      if (names.has(name)) return 'exists';
      names.add(name);
      tenants.set(tenant.tenantId, copy(tenant));
      gates.createGate(tenant.tenantId, gateStatus(tenant));
      return 'created';
    },
    async get(tenantId) {
      return copy(tenants.get(tenantId) ?? null);
    },
    async update(tenant) {
      if (tenants.get(tenant.tenantId)?.version !== tenant.version - 1) return 'conflict';
      // Nothing comes between the two here, so their order is nobody's to see.
      gates.setStatus(tenant.tenantId, gateStatus(tenant));
      tenants.set(tenant.tenantId, copy(tenant));
      return 'updated';
    },
    async list(cursor) {
      return pageOf(tenants.values(), (tenant) => tenant.tenantId, cursor);
    },
  };
}

function gateStatus({ status }: TenantRecord): 'active' | 'suspended' {
  return status === 'active' ? 'active' : 'suspended';
}

export function createMemoryKeys(): Keys {
  const keys = new Map<string, KeyRecord>();

  /** Stores what `change` makes of the tenant's key; null when it has no such key. */
  function change(
    tenantId: string,
    keyId: string,
    changed: (key: KeyRecord) => Partial<KeyRecord>,
  ): KeyRecord | null {
    const key = keys.get(keyId);
    if (key === undefined || key.tenantId !== tenantId) return null;
    const after = { ...key, ...changed(key) };
    keys.set(keyId, after);
    return copy(after);
  }

  return {
    async create(key) {
      if (keys.has(key.keyId)) return 'exists';
      keys.set(key.keyId, copy(key));
      return 'created';
    },
    async get(keyId) {
      return copy(keys.get(keyId) ?? null);
    },
    async list(tenantId, cursor) {
      const own = [...keys.values()].filter((key) => key.tenantId === tenantId);
      return pageOf(own, (key) => key.keyId, cursor);
    },
    expire: async (tenantId, keyId, atMs) =>
      change(tenantId, keyId, ({ expiresAtMs }) => ({ expiresAtMs: Math.min(expiresAtMs ?? atMs, atMs) })),
    revoke: async (tenantId, keyId, nowMs) =>
      change(tenantId, keyId, ({ revokedAtMs }) => ({ revokedAtMs: revokedAtMs ?? nowMs })),
    async touch(tenantId, keyId, day) {
      change(tenantId, keyId, ({ lastUsedDay }) => ({
        lastUsedDay: lastUsedDay === null || lastUsedDay < day ? day : lastUsedDay,
      }));
    },
  };
}

export function createMemoryPlans(): Plans {
  const plans = versionedMap<PlanRecord>(({ name }) => name);
  return { get: plans.get, put: plans.put, list: plans.list };
}

export function createMemoryAliases(): Aliases {
  const aliases = versionedMap<AliasRecord>(aliasId);
  return {
    get: (family, name) => aliases.get(aliasId({ family, name })),
    put: aliases.put,
    remove: async (family, name) => (aliases.delete(aliasId({ family, name })) ? 'removed' : 'missing'),
    list: aliases.list,
  };
}

/** Records whose every write names the version that it replaces. */
function versionedMap<T extends { readonly version: number }>(keyOf: (record: T) => string) {
  const records = new Map<string, T>();
  return {
    get: async (key: string): Promise<T | null> => copy(records.get(key) ?? null),
    async put(record: T): Promise<'stored' | 'conflict'> {
      const stored = records.get(keyOf(record))?.version ?? 0;
      if (stored !== record.version - 1) return 'conflict';
      records.set(keyOf(record), copy(record));
      return 'stored';
    },
    delete: (key: string): boolean => records.delete(key),
    list: async (cursor?: string) => pageOf(records.values(), keyOf, cursor),
  };
}
