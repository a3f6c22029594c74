/** Files under their tenant by id, and so by age. */
import { DeleteCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { FileRecord } from '#core/batch/file.ts';
import { fileRecordSchema, isExpired } from '#core/batch/file.ts';
import type { FileListAsk, Files } from '#core/ports/batches.ts';
import type { Page } from '#core/ports/page.ts';
import type { DirectoryOptions } from './directory.ts';
import { getOne, putOnce } from './directory.ts';
import { expression } from './expression.ts';
import type { Item } from './items.ts';
import { conditional, parseItem } from './items.ts';
import { fileKey, filePrefix, readSortedId, tenantPartition } from './keys.ts';

export function createDynamoFiles(options: DirectoryOptions): Files {
  const { documents, table, clock } = options;
  return {
    create(file) {
      const { tenantId, fileId, expiresAtMs } = file;
      return putOnce(options, { ...fileKey(tenantId, fileId), ...file, ttl: expiresAtMs / 1000 });
    },

    async get(tenantId, fileId) {
      const item = await getOne(options, fileKey(tenantId, fileId));
      const file = item === null ? null : toFile(item);
      return file === null || isExpired(file, clock.nowMs()) ? null : file;
    },

    list: (tenantId, ask) => list(options, tenantId, ask),

    async remove(tenantId, fileId) {
      const { name, value, attributes } = expression();
      const removed = await conditional(
        documents.send(
          new DeleteCommand({
            TableName: table,
            Key: { ...fileKey(tenantId, fileId) },
            // One past its expiry waits for its removal, and is gone already.
            ConditionExpression: `${name('expiresAtMs')} > ${value(clock.nowMs())}`,
            ...attributes(),
          }),
        ),
      );
      return removed === null ? 'missing' : 'removed';
    },
  };
}

async function list(
  { documents, table, clock }: DirectoryOptions,
  tenantId: string,
  { limit, after, order, purpose }: FileListAsk,
): Promise<Page<FileRecord>> {
  const { name, value, attributes } = expression();
  const own = `${name('pk')} = ${value(tenantPartition(tenantId))}`;
  const page = await documents.send(
    new QueryCommand({
      TableName: table,
      KeyConditionExpression: `${own} AND begins_with(${name('sk')}, ${value(filePrefix)})`,
      ...attributes(),
      ScanIndexForward: order === 'asc',
      Limit: limit,
      ...(after === undefined ? {} : { ExclusiveStartKey: { ...fileKey(tenantId, after) } }),
    }),
  );
  const files = (page.Items ?? []).map(toFile);
  const last = page.LastEvaluatedKey;
  return {
    items: files.filter(
      (file) => !isExpired(file, clock.nowMs()) && (purpose === undefined || file.purpose === purpose),
    ),
    cursor: last === undefined ? null : readSortedId({ sk: String(last.sk) }),
  };
}

function toFile(item: Item): FileRecord {
  return parseItem(fileRecordSchema, item, 'file');
}
