/**
 * What a deployment must have before it can be used: the platform's secrets, an operator's key, and the plans of its config. Runs
 * at every deployment and finds nothing to do at most of them. A crash anywhere leaves what the next run completes: no
 * secret is ever replaced, and the operator's key is stored before anybody is told of it.
 */
import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { keyMatches } from '#aws/key-hash.ts';
import { newKey } from '#aws/new-key.ts';
import type { SecretStore } from '#aws/ssm-secret-store.ts';
import { canonicalJson } from '#core/canonical.ts';
import { AppError } from '#core/errors.ts';
import type { Clock, Log } from '#core/ports/process.ts';
import type { Keys, Plans, Tenants } from '#core/ports/tenancy.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import type { PlanRecord } from '#core/tenancy/plans.ts';
import { planLimitsSchema, planNameSchema } from '#core/tenancy/plans.ts';
import { isUsable } from '#core/tenancy/tenant.ts';

export interface SetUpPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: Keys;
  readonly tenants: Tenants;
  readonly plans: Plans;
  readonly secrets: SecretStore;
}

export interface SecretNames {
  readonly keyPepper: string;
  readonly webhookKey: string;
  readonly operatorKey: string;
}

export const configuredPlansSchema = z.record(
  planNameSchema,
  z.strictObject({ limits: planLimitsSchema, models: z.array(z.string()).optional() }),
);

export type ConfiguredPlans = z.output<typeof configuredPlansSchema>;

/** Owns the operator's key and nothing else. */
const operatorTenant = { tenantId: 'operator', plan: 'free' } as const;
const secretBytes = 32;

export async function setUp(ports: SetUpPorts, names: SecretNames, plans: ConfiguredPlans): Promise<void> {
  const pepper = await ensureSecret(ports, names.keyPepper);
  await ensureSecret(ports, names.webhookKey);
  await ensureOperatorKey(ports, names.operatorKey, pepper);
  for (const [name, plan] of Object.entries(plans)) await storePlan(ports, name, plan);
}

async function ensureSecret({ secrets, log }: SetUpPorts, name: string): Promise<string> {
  const known = await secrets.read(name);
  if (known !== null) return known;
  if ((await secrets.create(name, randomBytes(secretBytes).toString('hex'))) === 'created') {
    log.info('setup.secret_made', { name });
  }
  const stored = await secrets.read(name);
  if (stored === null)
    throw new AppError('unavailable', { privateDetail: `${name} was made and cannot be read` });
  return stored;
}

/** The one in the store may have been revoked, or be of tables that are gone. */
async function ensureOperatorKey(ports: SetUpPorts, name: string, pepper: string): Promise<void> {
  const { clock, keys, tenants, secrets, log } = ports;
  const known = await secrets.read(name);
  if (known !== null && (await works(ports, known, pepper))) return;
  const createdAtMs = clock.nowMs();
  await tenants.create({
    ...operatorTenant,
    overrides: {},
    status: 'active',
    models: null,
    createdAtMs,
    version: 1,
  });
  const { keyId, secret, hash } = newKey(pepper);
  await keys.create({
    keyId,
    tenantId: operatorTenant.tenantId,
    hash,
    label: 'deployment',
    scopes: ['admin'],
    models: null,
    createdAtMs,
    expiresAtMs: null,
    revokedAtMs: null,
    lastUsedDay: null,
  });
  await secrets.replace(name, secret);
  log.info('setup.operator_key_made', { keyId });
}

async function works({ clock, keys }: SetUpPorts, key: string, pepper: string): Promise<boolean> {
  const keyId = keyIdOf(key);
  const record = keyId === null ? null : await keys.get(keyId);
  return record !== null && keyMatches(key, pepper, record.hash) && isUsable(record, clock.nowMs());
}

/** Leaves a plan alone that says what it should: each write counts up its version. */
async function storePlan(
  { plans, clock, log }: SetUpPorts,
  name: string,
  { limits, models }: ConfiguredPlans[string],
): Promise<void> {
  const before = await plans.get(name);
  const wanted = { limits, ...(models === undefined ? {} : { models }) };
  if (before?.removedAtMs === null && isSame(before, wanted)) return;
  const outcome = await plans.put({
    ...wanted,
    name,
    createdAtMs: before?.createdAtMs ?? clock.nowMs(),
    removedAtMs: null,
    version: (before?.version ?? 0) + 1,
  });
  if (outcome === 'conflict') {
    throw new AppError('conflict', { publicMessage: `Somebody else changed the plan ${name} just now.` });
  }
  log.info('setup.plan_stored', { name });
}

function isSame(stored: PlanRecord, wanted: Pick<PlanRecord, 'limits' | 'models'>): boolean {
  const said = ({ limits, models }: Pick<PlanRecord, 'limits' | 'models'>) =>
    canonicalJson([limits, models ?? null]);
  return said(stored) === said(wanted);
}
