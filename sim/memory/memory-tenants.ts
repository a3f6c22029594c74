/** `Tenants` and `Keys` in memory. */
import type { Keys, Tenants } from '#core/ports.ts';
import type { KeyRecord, TenantRecord } from '#core/tenancy/tenant.ts';
import type { MemoryGates } from './memory-gates.ts';
import { pageOf } from './pages.ts';

export function createMemoryTenants({ gates }: { gates: MemoryGates }): Tenants {
  const tenants = new Map<string, TenantRecord>();
  return {
    async create(tenant) {
      if (tenants.has(tenant.tenantId)) return 'exists';
      tenants.set(tenant.tenantId, structuredClone(tenant));
      gates.createGate(tenant.tenantId, tenant.status);
      return 'created';
    },
    async get(tenantId) {
      return structuredClone(tenants.get(tenantId) ?? null);
    },
    async list(cursor) {
      return pageOf(tenants.values(), (tenant) => tenant.tenantId, cursor);
    },
  };
}

export function createMemoryKeys(): Keys {
  const keys = new Map<string, KeyRecord>();
  return {
    async create(key) {
      if (keys.has(key.keyId)) return 'exists';
      keys.set(key.keyId, structuredClone(key));
      return 'created';
    },
    async get(keyId) {
      return structuredClone(keys.get(keyId) ?? null);
    },
  };
}
