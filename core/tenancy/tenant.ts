/** Tenants and their keys. */
import * as z from 'zod';
import type { PlanRecord } from './plans.ts';
import { planLimitsSchema, planNameSchema } from './plans.ts';

/**
 * One rule for every id that becomes part of a key or a path: no dots, no slashes. Upper case is kept as it was given,
 * but no two tenants may differ by it alone: `Tenants.create` sees to that.
 */
export const tenantIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    'must be 1 to 63 of a-z, A-Z, 0-9, _ and -, starting with a letter or digit',
  );

export const tenantStatuses = ['active', 'suspended', 'deleted'] as const;

/** Model ids that may be used; null: every one. */
const grantsSchema = z.array(z.string()).nullable();

export const tenantRecordSchema = z.object({
  tenantId: tenantIdSchema,
  /** A plan that ships or one of the operator's own. */
  plan: planNameSchema,
  /** Single limits that differ from the plan's. */
  overrides: planLimitsSchema.partial(),
  /** A deleted tenant's id stays taken, because its jobs and its ledger stay. */
  status: z.enum(tenantStatuses),
  models: grantsSchema.default(null),
  /** Words and phrases that the tenant's prompt policy looks for; absent: none. */
  promptTerms: z.array(z.string()).optional(),
  createdAtMs: z.int().nonnegative(),
  /** Absent: it is not deleted, or was before this was noted. */
  deletedAtMs: z.int().nonnegative().optional(),
  /** Counts the writes; a write names the one it replaces. */
  version: z.int().nonnegative().default(0),
});

export type TenantRecord = z.infer<typeof tenantRecordSchema>;

/**
 * The tenant as an operator's plan leaves it: with the plan's limits filled in below its own overrides (see `limitsOf`), and
 * of the models that it was granted those of the plan.
 */
export function withPlan(tenant: TenantRecord, plan: PlanRecord | null): TenantRecord {
  if (plan === null) return tenant;
  const granted = grantedBy(plan.models ?? null, tenant.models);
  return {
    ...tenant,
    models: granted === null ? null : [...granted],
    overrides: { ...plan.limits, ...tenant.overrides },
  };
}

export const scopes = [
  'jobs:read',
  'jobs:write',
  'files:write',
  'adapters:write',
  'usage:read',
  'keys:write',
  'webhooks:write',
  'admin',
] as const;

export type Scope = (typeof scopes)[number];

/** What a tenant's own first key may do: everything but administer the platform. */
export const tenantScopes: readonly Scope[] = scopes.filter((scope) => scope !== 'admin');

export const keyRecordSchema = z.object({
  keyId: z.string(),
  tenantId: tenantIdSchema,
  /** SHA-256 of the whole key with the pepper, hex. The key itself is stored nowhere. */
  hash: z.string(),
  label: z.string().nullable().default(null),
  scopes: z.array(z.enum(scopes)),
  models: grantsSchema.default(null),
  createdAtMs: z.int().nonnegative(),
  /** From this instant on the key is refused. */
  expiresAtMs: z.int().nonnegative().nullable().default(null),
  revokedAtMs: z.int().nonnegative().nullable().default(null),
  /** `YYYY-MM-DD` in UTC: a day says whether a key is in use and costs one write a day. */
  lastUsedDay: z.string().nullable().default(null),
});

export type KeyRecord = z.infer<typeof keyRecordSchema>;

export type KeyState = 'active' | 'expiring' | 'expired' | 'revoked';

export function keyStateOf({ expiresAtMs, revokedAtMs }: KeyRecord, nowMs: number): KeyState {
  if (revokedAtMs !== null) return 'revoked';
  if (expiresAtMs === null) return 'active';
  return expiresAtMs > nowMs ? 'expiring' : 'expired';
}

/** Whether the key opens anything now. */
export function isUsable(key: KeyRecord, nowMs: number): boolean {
  const state = keyStateOf(key, nowMs);
  return state === 'active' || state === 'expiring';
}

/** The day of `nowMs` in UTC, as `lastUsedDay` has it. */
export function dayOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 10);
}

/** What both lists allow; null allows everything. */
export function grantedBy(...lists: readonly (readonly string[] | null)[]): readonly string[] | null {
  return lists.reduce<readonly string[] | null>((granted, list) => {
    if (granted === null || list === null) return granted ?? list;
    return granted.filter((model) => list.includes(model));
  }, null);
}
