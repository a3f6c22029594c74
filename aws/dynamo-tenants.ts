/** Tenants and keys. The directory of tenants is a partition of the sparse index, so it needs no second write. */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { Clock, Keys, Tenants } from '#core/ports.ts';
import { keyRecordSchema, tenantRecordSchema } from '#core/tenancy/tenant.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { batchGet, conditional, parseItem } from './items.ts';
import type { ItemKey } from './keys.ts';
import { decodeCursor, encodeCursor, gateKey, keyKey, tenantKey, tenantsLine } from './keys.ts';
import { indexes } from './resources.ts';

const pageSize = 100;
const entrySchema = z.object({ pk: z.string().startsWith('T#'), tag: z.int() });
const positionSchema = z.object({ tenantId: z.string(), tag: z.int() });

export interface DynamoTenantsOptions {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
  readonly clock: Clock;
}

export function createDynamoTenants({ documents, table, clock }: DynamoTenantsOptions): Tenants {
  return {
    async create(tenant) {
      const { tenantId, status, createdAtMs } = tenant;
      // The gate first: a crash in between leaves a gate that nobody can ask, and the next create goes on from there.
      await putOnce(documents, table, { ...gateKey(tenantId), status, open: {} });
      return putOnce(documents, table, {
        ...tenantKey(tenantId),
        ...tenant,
        line: tenantsLine,
        tag: createdAtMs,
      });
    },

    async get(tenantId) {
      const item = await getOne(documents, table, tenantKey(tenantId));
      return item === null ? null : parseItem(tenantRecordSchema, item, 'tenant');
    },

    async list(cursor) {
      const { name, value, attributes } = expression();
      const from = cursor === undefined ? null : decodeCursor(tenantsLine, positionSchema, cursor);
      const page = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: indexes.line.name,
          KeyConditionExpression: `${name('line')} = ${value(tenantsLine)}`,
          ...attributes(),
          Limit: pageSize,
          ...(from === null
            ? {}
            : { ExclusiveStartKey: { ...tenantKey(from.tenantId), line: tenantsLine, tag: from.tag } }),
        }),
      );
      const keys = (page.Items ?? []).map((item) => tenantKey(toPosition(item).tenantId));
      const items = await batchGet(documents, table, keys, clock);
      const last = page.LastEvaluatedKey;
      return {
        items: items.map((item) => parseItem(tenantRecordSchema, item, 'tenant')),
        cursor: last === undefined ? null : encodeCursor(tenantsLine, toPosition(last)),
      };
    },
  };
}

export function createDynamoKeys(options: Omit<DynamoTenantsOptions, 'clock'>): Keys {
  const { documents, table } = options;
  return {
    create: (key) => putOnce(documents, table, { ...keyKey(key.keyId), ...key }),

    async get(keyId) {
      const item = await getOne(documents, table, keyKey(keyId));
      return item === null ? null : parseItem(keyRecordSchema, item, 'key');
    },
  };
}

async function putOnce(
  documents: DynamoDBDocumentClient,
  table: string,
  item: Item,
): Promise<'created' | 'exists'> {
  const written = await conditional(
    documents.send(
      new PutCommand({ TableName: table, Item: item, ConditionExpression: 'attribute_not_exists(pk)' }),
    ),
  );
  return written === null ? 'exists' : 'created';
}

/** Consistent: a key or tenant works from the moment its creation was answered. */
async function getOne(documents: DynamoDBDocumentClient, table: string, key: ItemKey): Promise<Item | null> {
  const { Item } = await documents.send(
    new GetCommand({ TableName: table, Key: { ...key }, ConsistentRead: true }),
  );
  return Item ?? null;
}

function toPosition(item: Item): z.infer<typeof positionSchema> {
  const { pk, tag } = parseItem(entrySchema, item, 'tenant entry');
  return { tenantId: pk.slice('T#'.length), tag };
}
