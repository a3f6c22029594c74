/**
 * The ledger in its own table: one item per tenant, month, job and kind, one share per tenant, month and pool, one item
 * per warm-up, one statement per month and pool; each written once and never changed.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import type { JobEntry, LedgerEntry } from '#core/billing/ledger.ts';
import { isOfJob, jobEntryKinds, ledgerEntrySchema } from '#core/billing/ledger.ts';
import { statementSchema } from '#core/billing/statement.ts';
import type { Ledger } from '#core/ports/ledger.ts';
import { conditional, parseItem } from './items.ts';
import type { ItemKey } from './keys.ts';
import {
  decodeCursor,
  encodeCursor,
  isBuildable,
  ledgerKey,
  ledgerPartition,
  shareKey,
  statementKey,
  statementPartition,
  warmupKey,
} from './keys.ts';

const pageSize = 100;
const positionSchema = z.union([
  z.object({ jobId: z.string(), kind: z.enum(jobEntryKinds) }),
  z.object({ pool: z.string() }),
  z.object({ warmupId: z.string() }),
]);

type Position = z.infer<typeof positionSchema>;

export function createDynamoLedger(options: {
  readonly documents: DynamoDBDocumentClient;
  readonly table: string;
}): Ledger {
  const { documents, table } = options;

  async function put(key: ItemKey, item: object): Promise<'appended' | 'exists'> {
    const written = await conditional(
      documents.send(
        new PutCommand({
          TableName: table,
          Item: { ...key, ...item },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      ),
    );
    return written === null ? 'exists' : 'appended';
  }

  async function read(key: ItemKey): Promise<LedgerEntry | null> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: table, Key: { ...key }, ConsistentRead: true }),
    );
    return Item === undefined ? null : parseItem(ledgerEntrySchema, Item, 'ledger entry');
  }

  return {
    append: (entry) => put(keyAt(entry.tenantId, entry.month, positionOf(entry)), entry),

    async charge(tenantId, month, jobId) {
      return jobEntry(await read(ledgerKey(tenantId, month, jobId)));
    },

    async refund(tenantId, month, jobId) {
      return jobEntry(await read(ledgerKey(tenantId, month, jobId, 'refund')));
    },

    async share(tenantId, month, pool) {
      const entry = await read(shareKey(tenantId, month, pool));
      return entry?.kind === 'share' ? entry : null;
    },

    async warmup(tenantId, month, warmupId) {
      const entry = await read(warmupKey(tenantId, month, warmupId));
      return entry?.kind === 'warmup' ? entry : null;
    },

    async list(tenantId, month, cursor) {
      const partition = ledgerPartition(tenantId, month);
      const ofKeys = positionSchema.refine((position) => isBuildable(() => keyAt(tenantId, month, position)));
      const from = cursor === undefined ? null : decodeCursor(partition, ofKeys, cursor);
      const page = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :partition',
          ExpressionAttributeValues: { ':partition': partition },
          Limit: pageSize,
          ...(from === null ? {} : { ExclusiveStartKey: { ...keyAt(tenantId, month, from) } }),
        }),
      );
      const items = (page.Items ?? []).map((item) => parseItem(ledgerEntrySchema, item, 'ledger entry'));
      const last = page.LastEvaluatedKey === undefined ? undefined : items.at(-1);
      return { items, cursor: last === undefined ? null : encodeCursor(partition, positionOf(last)) };
    },

    state: (statement) => put(statementKey(statement.month, statement.pool), statement),

    /** One page: a statement is ~400 B, so 1 MB holds those of more pools than a deployment has. */
    async statements(month) {
      const { Items = [] } = await documents.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :partition',
          ExpressionAttributeValues: { ':partition': statementPartition(month) },
          ConsistentRead: true,
        }),
      );
      return Items.map((item) => parseItem(statementSchema, item, 'statement'));
    },
  };
}

function jobEntry(entry: LedgerEntry | null): JobEntry | null {
  return entry !== null && isOfJob(entry) ? entry : null;
}

function positionOf(entry: LedgerEntry): Position {
  switch (entry.kind) {
    case 'share':
      return { pool: entry.pool };
    case 'warmup':
      return { warmupId: entry.warmupId };
    default:
      return { jobId: entry.jobId, kind: entry.kind };
  }
}

function keyAt(tenantId: string, month: string, position: Position): ItemKey {
  if ('pool' in position) return shareKey(tenantId, month, position.pool);
  return 'warmupId' in position
    ? warmupKey(tenantId, month, position.warmupId)
    : ledgerKey(tenantId, month, position.jobId, position.kind);
}
