/**
 * The result cache: an item a result under its tenant, listed by last use in a partition of the sparse index, so that
 * a result and its place in the list are one write. The table's own expiry clears what nobody asked for again.
 */
import { DeleteCommand, GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { cachedResultSchema } from '#core/cache/cached-result.ts';
import { cacheLimits } from '#core/limits.ts';
import type { ResultCache } from '#core/ports/result-cache.ts';
import type { DirectoryOptions } from './directory.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import { resultKeyOf, resultsLine } from './keys.ts';
import { indexes } from './resources.ts';

type Options = Omit<DirectoryOptions, 'clock'>;

const usedSchema = z.object({ pk: z.string(), sk: z.string(), tag: z.int() });

export function createDynamoResults(options: Options): ResultCache {
  const { documents, table } = options;
  return {
    async get(tenantId, key, nowMs) {
      const { Item } = await documents.send(
        new GetCommand({ TableName: table, Key: { ...resultKeyOf(tenantId, key) } }),
      );
      if (Item === undefined) return null;
      const entry = parseItem(cachedResultSchema, Item, 'cached result');
      return entry.expiresAtMs > nowMs ? entry : null;
    },

    async put(entry, { entriesMax, nowMs }) {
      const { name, value, attributes } = expression();
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: {
              ...resultKeyOf(entry.tenantId, entry.key),
              ...entry,
              line: resultsLine(entry.tenantId),
              tag: entry.storedAtMs,
              ttl: Math.ceil(entry.expiresAtMs / 1000),
            },
            ConditionExpression: `attribute_not_exists(pk) OR ${name('expiresAtMs')} <= ${value(nowMs)}`,
            ...attributes(),
          }),
        ),
      );
      if (written === null) return 'exists';
      await evict(options, entry.tenantId, entriesMax);
      return 'stored';
    },

    async touch(tenantId, key, nowMs) {
      const { name, value, attributes } = expression();
      await conditional(
        documents.send(
          new UpdateCommand({
            TableName: table,
            Key: { ...resultKeyOf(tenantId, key) },
            UpdateExpression: `SET ${name('tag')} = ${value(nowMs)}`,
            // A comparison with an attribute that is not there fails, so nothing is created.
            ConditionExpression: `${name('tag')} < ${value(nowMs)}`,
            ...attributes(),
          }),
        ),
      );
    },
  };
}

/** Removes what was used longest ago beyond the bound; one that is used meanwhile is spared. */
async function evict(options: Options, tenantId: string, entriesMax: number): Promise<void> {
  const recent = await mostRecent(options, tenantId, entriesMax + cacheLimits.evictedMax);
  await Promise.all(
    recent.slice(entriesMax).map(({ pk, sk, tag }) => {
      const { name, value, attributes } = expression();
      return conditional(
        options.documents.send(
          new DeleteCommand({
            TableName: options.table,
            Key: { pk, sk },
            ConditionExpression: `${name('tag')} = ${value(tag)}`,
            ...attributes(),
          }),
        ),
      );
    }),
  );
}

async function mostRecent(
  { documents, table }: Options,
  tenantId: string,
  limit: number,
): Promise<z.infer<typeof usedSchema>[]> {
  const found: z.infer<typeof usedSchema>[] = [];
  let from: Item | undefined;
  do {
    const { name, value, attributes } = expression();
    const page = await documents.send(
      new QueryCommand({
        TableName: table,
        IndexName: indexes.line.name,
        KeyConditionExpression: `${name('line')} = ${value(resultsLine(tenantId))}`,
        ...attributes(),
        ScanIndexForward: false,
        Limit: limit - found.length,
        ...(from === undefined ? {} : { ExclusiveStartKey: from }),
      }),
    );
    for (const item of page.Items ?? []) found.push(parseItem(usedSchema, item, 'cached result entry'));
    from = page.LastEvaluatedKey;
  } while (from !== undefined && found.length < limit);
  return found;
}
