/** Batches under their tenant by id, and so by age; one that there is work left for is in one partition of the index with everybody's. */
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { BatchRecord } from '#core/batch/batch.ts';
import { batchKeptUntilMs, batchRecordSchema, isAtWork, isBatchGone } from '#core/batch/batch.ts';
import type { Batches } from '#core/ports/batches.ts';
import type { Page } from '#core/ports/page.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne, putNext } from './directory.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { batchGet, parseItem } from './items.ts';
import {
  batchesLine,
  batchKey,
  batchPrefix,
  decodeCursor,
  encodeCursor,
  readSortedId,
  readTenantPartition,
  tenantPartition,
} from './keys.ts';
import { indexes } from './resources.ts';

const pageSize = 50;
const entrySchema = z.object({ pk: z.string(), sk: z.string(), tag: z.int() });
const positionSchema = z.object({ tenantId: z.string(), batchId: z.string(), tag: z.int() });

export function createDynamoBatches(options: DirectoryOptions): Batches {
  const { clock } = options;
  return {
    async put(batch) {
      return (await putNext(options, toItem(batch), { create: true })) ? 'stored' : 'conflict';
    },

    async get(tenantId, batchId) {
      const item = await getOne(options, batchKey(tenantId, batchId));
      const batch = item === null ? null : toBatch(item);
      return batch === null || isBatchGone(batch, clock.nowMs()) ? null : batch;
    },

    list: (tenantId, ask) => list(options, tenantId, ask),

    atWork: (cursor) => atWork(options, cursor),
  };
}

function toItem(batch: BatchRecord): Item & { readonly version: number } {
  const { tenantId, batchId, createdAtMs } = batch;
  const untilMs = batchKeptUntilMs(batch);
  return {
    ...batchKey(tenantId, batchId),
    ...batch,
    ...(isAtWork(batch) ? { line: batchesLine, tag: createdAtMs } : {}),
    ...(untilMs === null ? {} : { ttl: untilMs / 1000 }),
  };
}

function toBatch(item: Item): BatchRecord {
  return parseItem(batchRecordSchema, item, 'batch');
}

async function list(
  { documents, table, clock }: DirectoryOptions,
  tenantId: string,
  { limit, after }: { readonly limit: number; readonly after?: string },
): Promise<Page<BatchRecord>> {
  const { name, value, attributes } = expression();
  const own = `${name('pk')} = ${value(tenantPartition(tenantId))}`;
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: `${own} AND begins_with(${name('sk')}, ${value(batchPrefix)})`,
      ...attributes(),
      ConsistentRead: true,
      ScanIndexForward: false,
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: { ...batchKey(tenantId, after) } }),
    }),
  );
  const last = page.LastEvaluatedKey;
  return {
    items: (page.Items ?? []).map(toBatch).filter((batch) => !isBatchGone(batch, clock.nowMs())),
    cursor: last === undefined ? null : readSortedId({ sk: String(last.sk) }),
  };
}

async function atWork(
  { documents, table, clock }: DirectoryOptions,
  cursor: string | undefined,
): Promise<Page<BatchRecord>> {
  const { name, value, attributes } = expression();
  const from = cursor === undefined ? null : decodeCursor(batchesLine, positionSchema, cursor);
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      IndexName: indexes.line.name,
      KeyConditionExpression: `${name('line')} = ${value(batchesLine)}`,
      ...attributes(),
      Limit: pageSize,
      ...(from === null
        ? {}
        : {
            ExclusiveStartKey: { ...batchKey(from.tenantId, from.batchId), line: batchesLine, tag: from.tag },
          }),
    }),
  );
  const keys = (page.Items ?? []).map((item) => parseItem(entrySchema, item, 'batch entry'));
  const items = await batchGet(documents, table, keys, clock);
  const last = page.LastEvaluatedKey;
  return {
    // The index may show what is over.
    items: items.map(toBatch).filter(isAtWork),
    cursor: last === undefined ? null : positionOf(last),
  };
}

function positionOf(key: Item): string {
  const { pk, sk, tag } = parseItem(entrySchema, key, 'batch position');
  return encodeCursor(batchesLine, { tenantId: readTenantPartition(pk), batchId: readSortedId({ sk }), tag });
}
