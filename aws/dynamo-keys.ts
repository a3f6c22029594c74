/** API keys, by id; a tenant's keys are listed by a partition of the sparse index. */
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Keys } from '#core/ports/tenancy.ts';
import type { KeyRecord } from '#core/tenancy/tenant.ts';
import { keyRecordSchema } from '#core/tenancy/tenant.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne, listDirectory, putOnce } from './directory.ts';
import { expression } from './expression.ts';
import { conditional, parseItem } from './items.ts';
import { keyKey, keysLine } from './keys.ts';

export function createDynamoKeys(options: DirectoryOptions): Keys {
  return {
    create: (key) =>
      putOnce(options, {
        ...keyKey(key.keyId),
        ...key,
        line: keysLine(key.tenantId),
        tag: key.createdAtMs,
      }),

    get: (keyId) => read(options, keyId),

    list: (tenantId, cursor) =>
      listDirectory(
        options,
        { line: keysLine(tenantId), prefix: 'K#', keyOf: keyKey, schema: keyRecordSchema, what: 'key' },
        cursor,
      ),

    expire: (tenantId, keyId, atMs) => change(options, tenantId, keyId, ['expiresAtMs', '>', atMs]),
    revoke: (tenantId, keyId, nowMs) => change(options, tenantId, keyId, ['revokedAtMs', null, nowMs]),

    async touch(tenantId, keyId, day) {
      await set(options, tenantId, keyId, ['lastUsedDay', '<', day]);
    },
  };
}

/** What to set, and which stored values give way to it beside none. */
type Change = readonly [attribute: keyof KeyRecord, comparison: '>' | '<' | null, to: string | number];

/** The key after the change, or as it stands when it needs none; null when the tenant has no such key. */
async function change(
  options: DirectoryOptions,
  tenantId: string,
  keyId: string,
  what: Change,
): Promise<KeyRecord | null> {
  const changed = await set(options, tenantId, keyId, what);
  if (changed !== null) return changed;
  const key = await read(options, keyId);
  return key?.tenantId === tenantId ? key : null;
}

/** Null when the condition did not hold. */
async function set(
  { documents, table }: DirectoryOptions,
  tenantId: string,
  keyId: string,
  [attribute, comparison, to]: Change,
): Promise<KeyRecord | null> {
  const { name, value, attributes } = expression();
  const field = name(attribute);
  const next = value(to);
  const gives = [
    `attribute_not_exists(${field})`,
    `${field} = ${value(null)}`,
    ...(comparison === null ? [] : [`${field} ${comparison} ${next}`]),
  ];
  const written = await conditional(
    documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { ...keyKey(keyId) },
        UpdateExpression: `SET ${field} = ${next}`,
        ConditionExpression: `${name('tenantId')} = ${value(tenantId)} AND (${gives.join(' OR ')})`,
        ...attributes(),
        ReturnValues: 'ALL_NEW',
      }),
    ),
  );
  return written === null ? null : parseItem(keyRecordSchema, written.Attributes ?? {}, 'key');
}

async function read(options: DirectoryOptions, keyId: string): Promise<KeyRecord | null> {
  const item = await getOne(options, keyKey(keyId));
  return item === null ? null : parseItem(keyRecordSchema, item, 'key');
}
