/** Tenants, plans, keys and aliases as an operator sees and sends them. No hash and no secret is part of a resource. */
import * as z from 'zod';
import { promptPolicyModes, promptTermsSchema } from '../prompt/policy.ts';
import type { AliasRecord } from '../tenancy/alias.ts';
import { aliasId, aliasNameSchema } from '../tenancy/alias.ts';
import type { PlanLimits, PlanRecord } from '../tenancy/plans.ts';
import { limitsOf, planLimitsSchema, planNameSchema, promptPolicyOf } from '../tenancy/plans.ts';
import type { KeyRecord, TenantRecord } from '../tenancy/tenant.ts';
import { keyStateOf, scopes, tenantIdSchema, tenantStatuses, withPlan } from '../tenancy/tenant.ts';
import { blockedPortMessage, isBlockedPort } from './blocked-ports.ts';

const second = 1000;
const day = 24 * 60 * 60;

export const tenancyLimits = {
  /** A record is one item and an allow-list is looked through on every request. */
  modelsMax: 200,
  labelCharactersMax: 100,
  /** Time enough to roll a key out everywhere. */
  overlapSecondsDefault: day,
  overlapSecondsMax: 30 * day,
  versionsMax: 20,
  weightMax: 1_000_000,
  /** 32,768 on a side: more than any model draws. */
  pixelsMax: 2 ** 30,
} as const;

type LimitShape = typeof planLimitsSchema.shape;
type OptionalShape = { [K in keyof LimitShape]: z.ZodOptional<LimitShape[K]> };
type ClearableShape = { [K in keyof LimitShape]: z.ZodOptional<z.ZodNullable<LimitShape[K]>> };

const timeSchema = z.iso.datetime();
const modelsSchema = z
  .array(z.string().min(1).max(128))
  .max(tenancyLimits.modelsMax)
  .nullable()
  .meta({ description: 'Model ids that may be used; null: every one' });
const overridesSchema = planLimitsSchema.partial();
const clearableSchemas = Object.fromEntries(
  Object.entries(planLimitsSchema.shape).map(([name, schema]) => [name, z.nullable(schema).optional()]),
  // The same names with the same schemas, each made nullable: what fromEntries cannot say.
) as unknown as ClearableShape;

export const tenantRequestSchema = z
  .strictObject({
    id: tenantIdSchema,
    plan: planNameSchema.default('free'),
    models: modelsSchema.default(null),
    port: z
      .int()
      .min(1024)
      .max(65_535)
      .refine((port) => !isBlockedPort(port), { message: blockedPortMessage })
      .optional()
      .meta({ description: 'A port for this tenant alone; only a local stack takes it' }),
    // `partial` keeps every schema and makes it optional, which is what the type says.
    ...(overridesSchema.shape as OptionalShape),
  })
  .meta({ id: 'TenantRequest' });

export const tenantChangeSchema = z
  .strictObject({ plan: planNameSchema.optional(), ...clearableSchemas })
  .meta({ id: 'TenantChange', description: 'What is absent stays; null removes an override' });

export const grantsRequestSchema = z.strictObject({ models: modelsSchema });

export const tenantSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('tenant'),
    plan: z.string(),
    status: z.enum(tenantStatuses),
    overrides: overridesSchema.meta({ description: "Limits that differ from the plan's" }),
    limits: planLimitsSchema.meta({ description: 'What counts: the plan with the overrides' }),
    models: modelsSchema,
    port: z.int().nullable().meta({ description: 'Its own port, on a local stack' }),
    created_at: timeSchema,
  })
  .meta({ id: 'Tenant' });

const ownTokensSchema = planLimitsSchema.shape.prompt_tokens_max.unwrap().nullable();

export const promptPolicyRequestSchema = z
  .strictObject({
    mode: z.enum(promptPolicyModes).nullable().default(null).meta({ description: "null: the plan's" }),
    tokens_max: ownTokensSchema.default(null).meta({ description: "null: the plan's" }),
    terms: promptTermsSchema
      .default([])
      .meta({ description: 'Words and phrases, found whatever their case, spelling and spacing' }),
  })
  .meta({ id: 'PromptPolicyRequest', description: 'The whole policy: what is left out is reset' });

export const promptPolicySchema = z
  .strictObject({
    object: z.literal('prompt_policy'),
    tenant: z.string(),
    mode: z.enum(promptPolicyModes).meta({ description: 'What counts' }),
    tokens_max: z.int().positive().nullable().meta({ description: 'What counts; null: no bound' }),
    terms: z.array(z.string()),
    inherited: z
      .array(z.enum(['mode', 'tokens_max']))
      .meta({ description: "What is the plan's and not the tenant's own" }),
  })
  .meta({ id: 'PromptPolicy' });

export type PromptPolicyResource = z.infer<typeof promptPolicySchema>;

export type TenantResource = z.infer<typeof tenantSchema>;

export const planRequestSchema = planLimitsSchema;

export const planSchema = z
  .strictObject({
    name: z.string(),
    object: z.literal('plan'),
    shipped: z.boolean().meta({ description: 'Part of the product: cannot be changed' }),
    limits: planLimitsSchema,
  })
  .meta({ id: 'Plan' });

export type PlanResource = z.infer<typeof planSchema>;

const labelSchema = z.string().min(1).max(tenancyLimits.labelCharactersMax);

export const keyRequestSchema = z
  .strictObject({
    label: labelSchema.optional(),
    scopes: z.array(z.enum(scopes)).min(1).optional().meta({ description: 'Default: all but admin' }),
    models: modelsSchema.optional(),
    expires_at: timeSchema.optional(),
  })
  .prefault({});

export const rotationRequestSchema = z
  .strictObject({
    overlap_s: z
      .int()
      .min(0)
      .max(tenancyLimits.overlapSecondsMax)
      .default(tenancyLimits.overlapSecondsDefault)
      .meta({ description: 'Seconds that the old key goes on working; 0: none' }),
  })
  .prefault({});

export const keySchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('key'),
    tenant: z.string(),
    label: z.string().nullable(),
    scopes: z.array(z.enum(scopes)),
    models: modelsSchema,
    status: z.enum(['active', 'expiring', 'expired', 'revoked']),
    created_at: timeSchema,
    expires_at: timeSchema.nullable(),
    revoked_at: timeSchema.nullable(),
    last_used_on: z.iso.date().nullable(),
  })
  .meta({ id: 'Key' });

export type KeyResource = z.infer<typeof keySchema>;

const secretSchema = z.string().meta({ description: 'The key itself: shown now and never again' });

/** A key and its secret, the one time that it is shown. */
export const newKeySchema = z
  .strictObject({ ...keySchema.shape, secret: secretSchema })
  .meta({ id: 'NewKey' });

export const createdTenantSchema = z.strictObject({
  tenant: tenantSchema,
  key: z.strictObject({ id: z.string(), secret: secretSchema }),
});
export const createdKeySchema = z.strictObject({ key: newKeySchema });
export const rotatedKeySchema = z.strictObject({
  key: newKeySchema,
  old: keySchema.meta({ description: 'The key that was rotated, with its end' }),
});

export const aliasRequestSchema = z.strictObject({
  versions: z
    .array(
      z.strictObject({
        version: z.string().min(1).max(128),
        weight: z.int().min(1).max(tenancyLimits.weightMax),
        pixels_max: z.int().min(1).max(tenancyLimits.pixelsMax).optional().meta({
          description: 'Takes pictures up to so many pixels; a request gets the smallest that holds it',
        }),
      }),
    )
    .min(1)
    .max(tenancyLimits.versionsMax),
});

export const aliasParamsSchema = z.object({ family: aliasNameSchema, name: aliasNameSchema });

export const aliasSchema = z
  .strictObject({
    id: z.string().meta({ description: 'What a request gives as `model`' }),
    object: z.literal('alias'),
    family: z.string(),
    name: z.string(),
    versions: z.array(
      z.strictObject({
        version: z.string(),
        model: z.string(),
        weight: z
          .int()
          .meta({ description: 'Share of the tenants, among versions of the same `pixels_max`' }),
        pixels_max: z.int().optional(),
      }),
    ),
  })
  .meta({ id: 'Alias' });

export type AliasResource = z.infer<typeof aliasSchema>;

export function listOf<T extends z.ZodType>(item: T) {
  return z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    next_cursor: z.string().nullable().meta({ description: 'Pass as `cursor` for the next page' }),
  });
}

export function presentTenant(
  tenant: TenantRecord,
  { plan, port }: { readonly plan: PlanRecord | null; readonly port: number | null },
): TenantResource {
  const { overrides } = withPlan(tenant, plan);
  return {
    id: tenant.tenantId,
    object: 'tenant',
    plan: tenant.plan,
    status: tenant.status,
    overrides: tenant.overrides,
    limits: limitsOf(tenant.plan, overrides),
    models: tenant.models,
    port,
    created_at: timeOf(tenant.createdAtMs),
  };
}

export function presentPromptPolicy(tenant: TenantRecord, plan: PlanRecord | null): PromptPolicyResource {
  const limits = limitsOf(tenant.plan, withPlan(tenant, plan).overrides);
  const { mode, terms, tokensMax } = promptPolicyOf(limits, tenant.promptTerms);
  const own = { mode: tenant.overrides.prompt_policy, tokens_max: tenant.overrides.prompt_tokens_max };
  return {
    object: 'prompt_policy',
    tenant: tenant.tenantId,
    mode,
    tokens_max: tokensMax,
    terms: [...terms],
    inherited: (['mode', 'tokens_max'] as const).filter((name) => own[name] === undefined),
  };
}

export function presentPlan(name: string, limits: PlanLimits, shipped: boolean): PlanResource {
  return { name, object: 'plan', shipped, limits };
}

export function presentKey(key: KeyRecord, nowMs: number): KeyResource {
  return {
    id: key.keyId,
    object: 'key',
    tenant: key.tenantId,
    label: key.label,
    scopes: key.scopes,
    models: key.models,
    status: keyStateOf(key, nowMs),
    created_at: timeOf(key.createdAtMs),
    expires_at: key.expiresAtMs === null ? null : timeOf(key.expiresAtMs),
    revoked_at: key.revokedAtMs === null ? null : timeOf(key.revokedAtMs),
    last_used_on: key.lastUsedDay,
  };
}

export function presentAlias(alias: AliasRecord): AliasResource {
  const { family, name } = alias;
  const versions = alias.versions.map(({ pixelsMax, ...version }) => ({
    ...version,
    ...(pixelsMax === undefined ? {} : { pixels_max: pixelsMax }),
  }));
  return { id: aliasId(alias), object: 'alias', family, name, versions };
}

/** Seconds of an overlap as milliseconds. */
export function overlapMs(seconds: number): number {
  return seconds * second;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
