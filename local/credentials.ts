/**
 * The keys of the local stack: an operator's and one for the tenant `demo`. Made at the first start and written to
 * `credentials.json` (mode 0600), where the CLI finds them. The store holds hashes only, so if the file is lost new
 * keys are made.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { hashKey } from '#aws/key-hash.ts';
import { crockfordOf } from '#core/canonical.ts';
import { StartError } from '#core/errors.ts';
import type { Clock, Keys, Tenants } from '#core/ports.ts';
import { formatKey } from '#core/tenancy/api-key.ts';
import type { Scope, TenantRecord } from '#core/tenancy/tenant.ts';
import { tenantScopes } from '#core/tenancy/tenant.ts';

const fileSchema = z.object({
  url: z.string(),
  admin_key: z.string(),
  tenants: z.object({ demo: z.object({ key: z.string() }) }),
});

const secretsSchema = z.object({ key_pepper: z.string().min(32) });

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
export async function ensurePepper(dataDir: string): Promise<string> {
  const path = join(dataDir, 'secrets.json');
  const known = await readJson(path, secretsSchema);
  if (known !== null) return known.key_pepper;
  const pepper = randomBytes(32).toString('hex');
  await writePrivately(path, { key_pepper: pepper });
  return pepper;
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
    const record: TenantRecord = { ...tenant, overrides: {}, status: 'active', createdAtMs };
    await ports.tenants.create(record);
  }
  const make = (tenantId: string, scopes: readonly Scope[]) => createKey(ports, { tenantId, scopes, pepper });
  const credentials: LocalCredentials = {
    url,
    admin_key: known?.admin_key ?? (await make(operatorTenant.tenantId, ['admin'])),
    tenants: { demo: { key: known?.tenants.demo.key ?? (await make(demoTenant.tenantId, tenantScopes)) } },
  };
  await writePrivately(path, credentials);
  return credentials;
}

async function createKey(
  ports: CredentialPorts,
  { tenantId, scopes, pepper }: { tenantId: string; scopes: readonly Scope[]; pepper: string },
): Promise<string> {
  const keyId = crockfordOf(randomBytes(8), 8);
  const key = formatKey(keyId, randomBytes(32));
  const hash = hashKey(key, pepper);
  await ports.keys.create({ keyId, tenantId, hash, scopes: [...scopes], createdAtMs: ports.clock.nowMs() });
  return key;
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new StartError('data_broken', path, error);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new StartError('data_broken', `${path} is not what Pilotlight wrote; repair or remove it.`, error);
  }
}

/** Whole or not at all: a crash while writing must not lock anybody out. */
async function writePrivately(path: string, content: unknown): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
}
