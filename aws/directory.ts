/**
 * What the small records share: tenants, keys, plans, aliases. Each kind is listed by a partition of the sparse index,
 * so that a record and its place in the list are one write.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { Page } from '#core/ports/page.ts';
import type { Clock } from '#core/ports/process.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { batchGet, conditional, parseItem } from './items.ts';
import type { ItemKey } from './keys.ts';
import { decodeCursor, encodeCursor, isBuildable } from './keys.ts';
import { indexes } from './resources.ts';

export interface DirectoryOptions {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
  readonly clock: Clock;
}

/** One partition of the index and how its entries are read. */
export interface Directory<T> {
  readonly line: string;
  /** Begins the partition key of each record; the rest is its id. */
  readonly prefix: string;
  readonly keyOf: (id: string) => ItemKey;
  readonly schema: z.ZodType<T>;
  /** For the log, when an item does not fit. */
  readonly what: string;
}

const pageSize = 100;
const entrySchema = z.object({ pk: z.string(), tag: z.int() });
const positionSchema = z.object({ id: z.string(), tag: z.int() });

/** By age, from `fromTag` on. Lags a moment behind writes. */
export async function listDirectory<T>(
  { documents, table, clock }: DirectoryOptions,
  { line, prefix, keyOf, schema, what }: Directory<T>,
  cursor: string | undefined,
  fromTag = 0,
): Promise<Page<T>> {
  const { name, value, attributes } = expression();
  const inRange = positionSchema.refine(({ id, tag }) => tag >= fromTag && isBuildable(() => keyOf(id)));
  const from = cursor === undefined ? null : decodeCursor(line, inRange, cursor);
  const toPosition = (item: Item): z.infer<typeof positionSchema> => {
    const { pk, tag } = parseItem(entrySchema, item, `${what} entry`);
    return { id: pk.slice(prefix.length), tag };
  };
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      IndexName: indexes.line.name,
      KeyConditionExpression: `${name('line')} = ${value(line)} AND ${name('tag')} >= ${value(fromTag)}`,
      ...attributes(),
      Limit: pageSize,
      ...(from === null ? {} : { ExclusiveStartKey: { ...keyOf(from.id), line, tag: from.tag } }),
    }),
  );
  const keys = (page.Items ?? []).map((item) => keyOf(toPosition(item).id));
  const items = await batchGet(documents, table, keys, clock);
  const last = page.LastEvaluatedKey;
  return {
    items: items.map((item) => parseItem(schema, item, what)),
    cursor: last === undefined ? null : encodeCursor(line, toPosition(last)),
  };
}

/** Consistent: a record counts from the moment its write was answered. */
export async function getOne(
  { documents, table }: Omit<DirectoryOptions, 'clock'>,
  key: ItemKey,
): Promise<Item | null> {
  const { Item } = await documents.send(
    new GetCommand({ TableName: table, Key: { ...key }, ConsistentRead: true }),
  );
  return Item ?? null;
}

export async function putOnce(
  { documents, table }: Omit<DirectoryOptions, 'clock'>,
  item: Item,
): Promise<'created' | 'exists'> {
  const written = await conditional(
    documents.send(
      new PutCommand({ TableName: table, Item: item, ConditionExpression: 'attribute_not_exists(pk)' }),
    ),
  );
  return written === null ? 'exists' : 'created';
}

/** Replaces the item of the version before; whether it did. `create` lets version 1 replace nothing. */
export async function putNext(
  { documents, table }: Omit<DirectoryOptions, 'clock'>,
  item: Item & { readonly version: number },
  { create }: { readonly create: boolean },
): Promise<boolean> {
  const { name, value, attributes } = expression();
  const version = name('version');
  const before = item.version - 1;
  const absent = `attribute_not_exists(${version})`;
  // Records that were written before versions were counted have none: they are version 0.
  const condition =
    before === 0
      ? `(${absent}${create ? '' : ' AND attribute_exists(pk)'})`
      : `${version} = ${value(before)}`;
  const written = await conditional(
    documents.send(
      new PutCommand({ TableName: table, Item: item, ConditionExpression: condition, ...attributes() }),
    ),
  );
  return written !== null;
}
