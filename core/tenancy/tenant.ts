/** Tenants and their keys. */
import * as z from 'zod';
import { planLimitsSchema, planNames } from './plans.ts';

/** One rule for every id that becomes part of a key or a path: no dots, no slashes, no case games. */
export const tenantIdSchema = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'must be 1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit',
  );

export const tenantRecordSchema = z.object({
  tenantId: tenantIdSchema,
  plan: z.enum(planNames),
  /** Single limits that differ from the plan's. */
  overrides: planLimitsSchema.partial(),
  status: z.enum(['active', 'suspended']),
  createdAtMs: z.int().nonnegative(),
});

export type TenantRecord = z.infer<typeof tenantRecordSchema>;

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
  scopes: z.array(z.enum(scopes)),
  createdAtMs: z.int().nonnegative(),
});

export type KeyRecord = z.infer<typeof keyRecordSchema>;
