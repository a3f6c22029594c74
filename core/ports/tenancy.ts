import type { AliasRecord } from '../tenancy/alias.ts';
import type { PlanRecord } from '../tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from '../tenancy/tenant.ts';
import type { Page } from './page.ts';

export interface Tenants {
  /** Creates the tenant and its gate; `exists`, also for an id that differs by case alone, leaves both untouched. */
  create(tenant: TenantRecord): Promise<'created' | 'exists'>;
  get(tenantId: string): Promise<TenantRecord | null>;
  /**
   * Stores the record if the stored one has the version before: `conflict` says that another write came first.
   * The gate follows the status in the order that leaves no window: it closes before the record says so, and opens
   * after. A crash in between leaves it closed, and the next update puts it right.
   */
  update(tenant: TenantRecord): Promise<'updated' | 'conflict'>;
  list(cursor?: string): Promise<Page<TenantRecord>>;
}

export interface Keys {
  create(key: KeyRecord): Promise<'created' | 'exists'>;
  /** The one read that does not know whose the key is: the key itself says. */
  get(keyId: string): Promise<KeyRecord | null>;
  /** Lags a moment behind writes. */
  list(tenantId: string, cursor?: string): Promise<Page<KeyRecord>>;
  /** Lets the key work until `atMs` and no longer; never makes it work longer than before. */
  expire(tenantId: string, keyId: string, atMs: number): Promise<KeyRecord | null>;
  /** Ends the key for good. A key that was revoked before keeps the first time. */
  revoke(tenantId: string, keyId: string, nowMs: number): Promise<KeyRecord | null>;
  /** Notes the day (`YYYY-MM-DD`) of a key's use; no effect when a day as late is there. */
  touch(tenantId: string, keyId: string, day: string): Promise<void>;
}

/** Plans of the operator's own; those that ship are in `tenancy/plans.ts`. */
export interface Plans {
  get(name: string): Promise<PlanRecord | null>;
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(plan: PlanRecord): Promise<'stored' | 'conflict'>;
  /** Removed ones too. */
  list(cursor?: string): Promise<Page<PlanRecord>>;
}

export interface Aliases {
  get(family: string, name: string): Promise<AliasRecord | null>;
  /** Stores the record if the stored one has the version before, or if there is none and this is version 1. */
  put(alias: AliasRecord): Promise<'stored' | 'conflict'>;
  remove(family: string, name: string): Promise<'removed' | 'missing'>;
  list(cursor?: string): Promise<Page<AliasRecord>>;
}
