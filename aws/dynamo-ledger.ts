/** The ledger in its own table: one item per tenant, month and job, written once and never changed. */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { ledgerEntrySchema } from '#core/billing/ledger.ts';
import type { Ledger } from '#core/ports.ts';
import { conditional, parseItem } from './items.ts';
import { decodeCursor, encodeCursor, ledgerKey, ledgerPartition } from './keys.ts';

const pageSize = 100;
const positionSchema = z.object({ jobId: z.string() });
const keySchema = z.object({ sk: z.string() });

export function createDynamoLedger(options: {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
}): Ledger {
  const { documents, table } = options;
  return {
    async append(entry) {
      const written = await conditional(
        documents.send(
          new PutCommand({
            TableName: table,
            Item: { ...ledgerKey(entry.tenantId, entry.month, entry.jobId), ...entry },
            ConditionExpression: 'attribute_not_exists(pk)',
          }),
        ),
      );
      return written === null ? 'exists' : 'appended';
    },

    async list(tenantId, month, cursor) {
      const partition = ledgerPartition(tenantId, month);
      const from = cursor === undefined ? null : decodeCursor(partition, positionSchema, cursor);
      const page = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :partition',
          ExpressionAttributeValues: { ':partition': partition },
          Limit: pageSize,
          ...(from === null ? {} : { ExclusiveStartKey: { ...ledgerKey(tenantId, month, from.jobId) } }),
        }),
      );
      const last = page.LastEvaluatedKey;
      return {
        items: (page.Items ?? []).map((item) => parseItem(ledgerEntrySchema, item, 'ledger entry')),
        cursor:
          last === undefined
            ? null
            : encodeCursor(partition, { jobId: parseItem(keySchema, last, 'ledger position').sk }),
      };
    },
  };
}
