/**
 * The keys of the local stack: an operator's and one for the tenant `demo`. Made at the first start and written to
 * `credentials.json` (mode 0600), where the CLI finds them. The store holds hashes only, so if the file is lost new
 * keys are made.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import { keyMatches } from '#aws/key-hash.ts';
import { newKey } from '#aws/new-key.ts';
import type { Clock } from '#core/ports/process.ts';
import type { Keys, Tenants } from '#core/ports/tenancy.ts';
import { keyIdOf } from '#core/tenancy/api-key.ts';
import type { Scope, TenantRecord } from '#core/tenancy/tenant.ts';
import { isUsable, tenantScopes } from '#core/tenancy/tenant.ts';
import { readJson, writePrivately } from './private-file.ts';

const fileSchema = z.object({
  url: z.string(),
  admin_key: z.string(),
  tenants: z.object({ demo: z.object({ key: z.string() }) }),
});

/** A folder from before there were webhooks has no key for them. */
const secretsSchema = z.object({
  key_pepper: z.string().min(32),
  webhook_key: z.string().min(32).optional(),
});

export interface LocalSecrets {
  /** What the hashes of API keys are made with. */
  readonly keyPepper: string;
  /** What the secrets of webhooks are derived from. */
  readonly webhookKey: string;
}

export type LocalCredentials = z.infer<typeof fileSchema>;

interface CredentialPorts {
  readonly clock: Clock;
  readonly keys: Keys;
  readonly tenants: Tenants;
}

/** One laptop is one tenant: as much as the gate takes, at the highest weight. */
const demoTenant = { tenantId: 'demo', plan: 'vip' } as const;
/** Owns the operator's key and nothing else. */
const operatorTenant = { tenantId: 'operator', plan: 'free' } as const;

/** @throws StartError `data_broken` when a file is not what was written */
export async function ensureSecrets(dataDir: string): Promise<LocalSecrets> {
  const path = join(dataDir, 'secrets.json');
  const known = await readJson(path, secretsSchema);
  const keyPepper = known?.key_pepper ?? randomBytes(32).toString('hex');
  const webhookKey = known?.webhook_key ?? randomBytes(32).toString('hex');
  if (known?.webhook_key === undefined) {
    await writePrivately(path, { key_pepper: keyPepper, webhook_key: webhookKey });
  }
  return { keyPepper, webhookKey };
}

/** Keeps the keys that work, makes those that do not, and writes where the API is now. */
export async function ensureCredentials(
  ports: CredentialPorts,
  { dataDir, pepper, url }: { dataDir: string; pepper: string; url: string },
): Promise<LocalCredentials> {
  const path = join(dataDir, 'credentials.json');
  const known = await readJson(path, fileSchema);
  const createdAtMs = ports.clock.nowMs();
  for (const tenant of [demoTenant, operatorTenant]) {
    const record: TenantRecord = {
      ...tenant,
      overrides: {},
      status: 'active',
      models: null,
      createdAtMs,
      version: 1,
    };
    await ports.tenants.create(record);
  }
  const keyOf = async (kept: string | undefined, tenantId: string, scopes: readonly Scope[]) =>
    kept !== undefined && (await works(ports, kept, pepper))
      ? kept
      : createKey(ports, { tenantId, scopes, pepper });
  const credentials: LocalCredentials = {
    url,
    admin_key: await keyOf(known?.admin_key, operatorTenant.tenantId, ['admin']),
    tenants: { demo: { key: await keyOf(known?.tenants.demo.key, demoTenant.tenantId, tenantScopes) } },
  };
  await writePrivately(path, credentials);
  return credentials;
}

/** A key in the file may have been rotated or revoked, or the stores may have been emptied. */
async function works({ clock, keys }: CredentialPorts, key: string, pepper: string): Promise<boolean> {
  const keyId = keyIdOf(key);
  const record = keyId === null ? null : await keys.get(keyId);
  return record !== null && keyMatches(key, pepper, record.hash) && isUsable(record, clock.nowMs());
}

async function createKey(
  ports: CredentialPorts,
  { tenantId, scopes, pepper }: { tenantId: string; scopes: readonly Scope[]; pepper: string },
): Promise<string> {
  const { keyId, secret, hash } = newKey(pepper);
  await ports.keys.create({
    keyId,
    tenantId,
    hash,
    label: 'npm start',
    scopes: [...scopes],
    models: null,
    createdAtMs: ports.clock.nowMs(),
    expiresAtMs: null,
    revokedAtMs: null,
    lastUsedDay: null,
  });
  return secret;
}
