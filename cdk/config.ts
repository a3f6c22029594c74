/**
 * What an operator says of a deployment, in `pilotlight.config.ts`. {@link parseConfig} names every fault at once, by its
 * path: those of the form, secrets that do not belong into a file, and what the models say of their cards.
 */
import * as z from 'zod';
import { pricings } from '#core/billing/statement.ts';
import type { ErrorDetail } from '#core/errors.ts';
import { faultsOf } from '#core/faults.ts';
import type { Manifest } from '#core/models/manifest.ts';
import { contradictions, planLimitsSchema, planNameSchema } from '#core/tenancy/plans.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';
import { instanceTypeNames } from './instance-types.ts';
import { knownModelFaults, placementFaults, poolFaults } from './pool-faults.ts';
import { secretFaults } from './secrets-in-config.ts';

const poolSchema = z.strictObject({
  instanceType: z.enum(instanceTypeNames),
  /** Workers that share a card by NVIDIA MPS, each with its part of the memory: for small models of tenants who trust one another. */
  workersPerCard: z.int().min(1).max(16).default(1),
  /** Ids of manifests whose `pool` is this one. */
  models: z.array(z.string()).min(1),
  /** Workers that stay up without work, each at the price of its card. */
  workersMin: z.int().nonnegative().default(0),
  /** The bound on what demand can cost. */
  workersMax: z.int().positive(),
  /** Stopped instances, image and weights on their disks, that start faster than new ones. Each costs its disk. */
  warmInstances: z.int().nonnegative().default(0),
  /** Of a hundred workers beyond the warm instances and `workersMin`, so many on Spot; Spot may be taken away. */
  spotPercent: z.int().min(0).max(100).default(0),
  /** How long workers stay without work. */
  idleMinutes: z
    .int()
    .min(1)
    .max(24 * 60)
    .default(5),
  /** Disk of each instance: image, weights, scratch. */
  diskGb: z.int().min(40).max(2_000).default(100),
  /** An image of the worker that there is already; absent: built from this checkout at each deployment that changes it. */
  image: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}$/, 'must name an image by its digest: NAME@sha256:…')
    .optional(),
});

const planSchema = z.strictObject({
  limits: planLimitsSchema,
  /** Models that its tenants may use, of those that their own grants leave. Absent: every one. */
  models: z.array(z.string()).min(1).optional(),
});

/** Names that CloudFormation takes as the beginning of a stack's. */
const nameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be 1 to 31 of a-z, 0-9 and -, a letter first');

const arnOf = (service: string) =>
  z
    .string()
    .regex(new RegExp(`^arn:aws[a-z-]*:${service}:[a-z0-9-]*:[0-9]{12}:.+$`), `must be an ARN of ${service}`);

const oidcSchema = z.strictObject({
  issuer: z.url({ protocol: /^https$/ }),
  audience: z.string().min(1).default('pilotlight'),
  /** Absent: `.well-known/jwks.json` below the issuer. */
  jwksUrl: z.url({ protocol: /^https$/ }).optional(),
  /** The claim that names the tenant. */
  tenantClaim: z.string().min(1).default('tenant'),
  /** Scopes of every token, beside those in its own `scope` claim. */
  scopes: z.array(z.enum(tenantScopes)).default([]),
});

export const configSchema = z.strictObject({
  /** Begins the name of every stack: two deployments of one account need two. */
  name: nameSchema.default('pilotlight'),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-[0-9]$/, 'must be a region, such as eu-central-1'),
  /** Absent: the account of the credentials that deploy. */
  account: z
    .string()
    .regex(/^[0-9]{12}$/, 'must be 12 digits')
    .optional(),
  /** `keep`: tables and files outlive their stack. `delete`: they go with it, unasked. */
  onDestroy: z.enum(['keep', 'delete']).default('keep'),
  pools: z.record(z.string(), poolSchema).refine((pools) => Object.keys(pools).length > 0, 'needs a pool'),
  /** Plans of the operator's own, stored at each deployment. */
  plans: z.record(planNameSchema, planSchema).default({}),
  /** `list`: tenants pay the price of their jobs. `at_cost`: a month's close shares out what is over. */
  pricing: z.enum(pricings).default('list'),
  api: z
    .strictObject({
      /** All callers together, over time and at once; API Gateway answers 429 above. */
      requestsPerSecond: z.int().positive().max(10_000).default(100),
      requestsBurst: z.int().positive().max(5_000).default(200),
      /** Log settings of API Gateway are the account's and region's: false where another stack sets them. */
      ownsAccountLogRole: z.boolean().default(true),
    })
    .prefault({}),
  /** A name of one's own; absent: API Gateway's. */
  domain: z
    .strictObject({
      name: z.string().regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, 'must be a host name'),
      certificateArn: arnOf('acm'),
      /** Where the record is made; absent: it is made by hand, to the address that the stack puts out. */
      hostedZone: z.strictObject({ id: z.string().min(1), name: z.string().min(1) }).optional(),
    })
    .optional(),
  /** A web ACL: $5 a month, $1 for each of its rules and $0.60 a million requests. */
  waf: z
    .strictObject({
      /** Of one address in five minutes. */
      requestsPerAddress: z.int().min(10).max(2_000_000_000).default(2_000),
    })
    .optional(),
  /** Alarms and budget go there; AWS asks it to agree by mail. */
  alarms: z.strictObject({ email: z.email() }).optional(),
  /** Tells of the account's cost of a month; stops nothing. `workersMax` of the pools is what bounds it. */
  budget: z
    .strictObject({
      usdPerMonth: z.number().positive(),
      alertPercents: z.array(z.int().min(1).max(1_000)).min(1).max(5).default([50, 80, 100]),
    })
    .optional(),
  oidc: oidcSchema.optional(),
  /** Of a hundred requests, so many are traced by X-Ray: 100,000 a month are free, a million more cost $5. 0: none. */
  traces: z.strictObject({ sampledPercent: z.int().min(0).max(100).default(5) }).prefault({}),
  /** A key of one's own for files of tenants with `volume: encrypted`: `create` makes one ($1 a month). */
  kms: z.union([z.literal('create'), arnOf('kms')]).optional(),
  logDays: z.union([1, 3, 5, 7, 14, 30, 60, 90, 180, 365].map((days) => z.literal(days))).default(30),
});

/** A deployment with every default filled in. */
export type Config = z.output<typeof configSchema>;
/** What a config file holds. */
export type ConfigInput = z.input<typeof configSchema>;
export type PoolConfig = Config['pools'][string];

export type ConfigOutcome =
  | { readonly kind: 'valid'; readonly config: Config }
  | { readonly kind: 'invalid'; readonly faults: readonly ErrorDetail[] };

/** Types a config file's content, so that an editor helps to write it. */
export function defineConfig(config: ConfigInput): ConfigInput {
  return config;
}

/** @param manifests the models that the repository has */
export function parseConfig(input: unknown, manifests: readonly Manifest[]): ConfigOutcome {
  const parsed = configSchema.safeParse(input);
  // Parts that are well-formed are looked at more closely even where others are not: all faults are told at once.
  const pools = wellFormed(input, 'pools', poolSchema);
  const plans = wellFormed(input, 'plans', planSchema);
  const served = pools.flatMap(([, pool]) => pool.models);
  const faults = [
    ...(parsed.success ? [] : faultsOf(parsed.error)),
    ...secretFaults(input),
    ...pools.flatMap(([name, pool]) => within(`pools.${name}`, poolFaults(name, pool, manifests))),
    ...placementFaults(pools),
    ...(parsed.success ? receiverFaults(parsed.data) : []),
    ...plans.flatMap(([name, plan]) => within(`plans.${name}`, planFaults(plan, served))),
  ];
  if (parsed.success && faults.length === 0) return { kind: 'valid', config: parsed.data };
  return { kind: 'invalid', faults };
}

function receiverFaults({ budget, alarms }: Config): ErrorDetail[] {
  if (budget === undefined || alarms !== undefined) return [];
  return [{ path: 'alarms', message: 'is required beside budget: it says who is told' }];
}

function planFaults(
  { limits, models = [] }: Config['plans'][string],
  served: readonly string[],
): ErrorDetail[] {
  const own: ErrorDetail[] =
    limits.isolation === 'pool'
      ? [{ path: 'isolation', message: 'pool is taken by a local stack only' }]
      : [];
  return [...within('limits', [...contradictions(limits), ...own]), ...knownModelFaults(models, served)];
}

/** The members of a record that fit their schema, by name. */
function wellFormed<T>(input: unknown, field: string, schema: z.ZodType<T>): [name: string, value: T][] {
  const record = z.looseObject({ [field]: z.record(z.string(), z.unknown()) }).safeParse(input);
  return Object.entries(record.data?.[field] ?? {}).flatMap(([name, value]) => {
    const parsed = schema.safeParse(value);
    return parsed.success ? [[name, parsed.data] satisfies [string, T]] : [];
  });
}

function within(path: string, faults: readonly ErrorDetail[]): ErrorDetail[] {
  return faults.map((fault) => ({ ...fault, path: `${path}.${fault.path}` }));
}
