/** The ledger in its own table: one item per tenant, month, job and kind, written once and never changed. */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { LedgerEntry } from '#core/billing/ledger.ts';
import { ledgerEntrySchema, ledgerKinds } from '#core/billing/ledger.ts';
import type { Ledger } from '#core/ports.ts';
import { conditional, parseItem } from './items.ts';
import type { ItemKey } from './keys.ts';
import { decodeCursor, encodeCursor, ledgerKey, ledgerPartition } from './keys.ts';

const pageSize = 100;
const positionSchema = z.object({ jobId: z.string(), kind: z.enum(ledgerKinds) });

export function createDynamoLedger(options: {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
}): Ledger {
  const { documents, table } = options;

  async function read(key: ItemKey): Promise<LedgerEntry | null> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: table, Key: { ...key }, ConsistentRead: true }),
    );
    return Item === undefined ? null : parseItem(ledgerEntrySchema, Item, 'ledger entry');
  }

  return {
    async append(entry) {
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: { ...ledgerKey(entry.tenantId, entry.month, entry.jobId, entry.kind), ...entry },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        ),
      );
      return written === null ? 'exists' : 'appended';
    },

    charge: (tenantId, month, jobId) => read(ledgerKey(tenantId, month, jobId)),
    refund: (tenantId, month, jobId) => read(ledgerKey(tenantId, month, jobId, 'refund')),

    async list(tenantId, month, cursor) {
      const partition = ledgerPartition(tenantId, month);
      const from = cursor === undefined ? null : decodeCursor(partition, positionSchema, cursor);
      const page = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :partition',
          ExpressionAttributeValues: { ':partition': partition },
          Limit: pageSize,
          ...(from === null
            ? {}
            : { ExclusiveStartKey: { ...ledgerKey(tenantId, month, from.jobId, from.kind) } }),
        }),
      );
      const items = (page.Items ?? []).map((item) => parseItem(ledgerEntrySchema, item, 'ledger entry'));
      const last = page.LastEvaluatedKey === undefined ? undefined : items.at(-1);
      return {
        items,
        cursor: last === undefined ? null : encodeCursor(partition, { jobId: last.jobId, kind: last.kind }),
      };
    },
  };
}
